-- | What the peer does with plain descriptors, with its table, and with its children.
module Descriptors (operations) where

import Control.Concurrent
import Control.Monad (forM_, unless, void, when)
import Data.Bits ((.&.))
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Internal as Bytes (createAndTrim)
import qualified Data.ByteString.Unsafe as Bytes
import Data.IORef
import Foreign.Ptr (castPtr)
import Json (Value (..))
import Network.Socket (Family (AF_UNIX), SocketType (Stream), defaultProtocol, socketPair, socketToFd)
import Numeric (readHex, showHex)
import Peer
import System.Exit (ExitCode (..))
import System.IO (SeekMode (AbsoluteSeek))
import System.IO.Error (ioeGetErrorType, tryIOError)
import GHC.IO.Exception (IOErrorType (ResourceExhausted))
import System.Posix.Files
import System.Posix.IO
import System.Posix.Internals (c_fcntl_read, const_f_getfl, o_RDWR, o_WRONLY)
import System.Posix.Process
import System.Posix.Resource
import System.Posix.Types (Fd)

operations :: [(String, Operation)]
operations =
  [ ("open", open)
  , ("socketpair", socketpair)
  , ("write", write)
  , ("read", readOnce)
  , ("seek", seek)
  , ("close", \_ it -> [] <$ (number "fd" it >>= closeFd))
  , ("flags", flags)
  , ("set_nonblocking", setNonblocking)
  , ("identity", identity)
  , ("limit", limit)
  , ("fill", fill)
  , ("free", free)
  , ("churn", churn)
  , ("fork", fork)
  , ("wait", wait)
  ]

open :: Operation
open _ it = do
  path <- word "path" it
  asked <- due "flags" (\value -> case value of List list -> Just list; _ -> Nothing) it
  let has = (`elem` asked) . Text
      mode | has "both" = ReadWrite | has "write" = WriteOnly | otherwise = ReadOnly
      known = map Text (words "read write both append nonblocking create directory")
  unless (all (`elem` known) asked) (refuse ("no such flag here: " ++ show asked))
  fd <- openFd path mode (if has "create" then Just 0o600 else Nothing)
    defaultFileFlags {append = has "append", nonBlock = has "nonblocking", noctty = True}
  setFdOption fd CloseOnExec True
  pure [("fd", count fd)]

-- | A 'Socket' would close its descriptor when it goes; these are without O_NONBLOCK, too.
socketpair :: Operation
socketpair _ _ = do
  (left, right) <- socketPair AF_UNIX Stream defaultProtocol
  fds <- mapM socketToFd [left, right]
  forM_ fds (\fd -> setFdOption (fromIntegral fd) NonBlockingRead False)
  pure [("fds", List (map count fds))]

write :: Operation
write _ it = do
  fd <- number "fd" it
  digits <- word "hex" it
  done <- go fd (Bytes.pack (bytes digits)) 0
  pure [("count", count (done :: Int))]
  where
    bytes (one : two : rest) = fst (head (readHex [one, two])) : bytes rest
    bytes _ = []
    go fd rest done
      | Bytes.null rest = pure done
      | otherwise = do
          outcome <- tryIOError (Bytes.unsafeUseAsCStringLen rest (some fd))
          case outcome of
            Right written -> go fd (Bytes.drop written rest) (done + written)
            Left failure | ioeGetErrorType failure == ResourceExhausted && done > 0 -> pure done
            Left failure -> ioError failure
    some fd (from, size) = fromIntegral <$> fdWriteBuf fd (castPtr from) (fromIntegral size)

readOnce :: Operation
readOnce _ it = do
  fd <- number "fd" it
  most <- number "count" it
  within it "nothing to read in time" (threadWaitRead fd)
  got <- Bytes.createAndTrim most (\into -> fromIntegral <$> fdReadBuf fd into (fromIntegral most))
  pure [("hex", Text (concatMap two (Bytes.unpack got)))]
  where
    two byte = drop 1 (showHex (256 + fromIntegral byte :: Int) "")

seek :: Operation
seek _ it = do
  fd <- number "fd" it
  wanted <- number "offset" it
  offset <- fdSeek fd AbsoluteSeek wanted
  pure [("offset", count offset)]

flags :: Operation
flags _ it = do
  fd <- number "fd" it
  [nonblocking, appending, cloexec] <- mapM (queryFdOption fd) [NonBlockingRead, AppendOnWrite, CloseOnExec]
  mode <- c_fcntl_read (fromIntegral fd) const_f_getfl
  let access | mode .&. 3 == o_RDWR = "both" | mode .&. 3 == o_WRONLY = "write" | otherwise = "read"
  pure
    [ ("nonblocking", Truth nonblocking)
    , ("append", Truth appending)
    , ("cloexec", Truth cloexec)
    , ("access", Text access)
    ]

setNonblocking :: Operation
setNonblocking _ it = do
  fd <- number "fd" it
  [] <$ setFdOption fd NonBlockingRead (truth "on" it)

identity :: Operation
identity _ it = do
  about <- number "fd" it >>= getFdStatus
  let kinds =
        [ (isRegularFile, "file"), (isDirectory, "directory"), (isNamedPipe, "pipe"), (isSocket, "socket")
        , (isCharacterDevice, "character device"), (isBlockDevice, "block device"), (const True, "other") ]
      kind = head [name | (is, name) <- kinds, is about]
  pure [("dev", Count (toInteger (fromEnum (deviceID about)))), ("ino", count (fileID about)), ("kind", Text kind)]
-- the table

limit :: Operation
limit _ it = do
  most <- number "descriptors" it
  now <- getResourceLimit ResourceOpenFiles
  [] <$ setResourceLimit ResourceOpenFiles now {softLimit = ResourceLimit most}

fill :: Operation
fill peer it = do
  let go = tryIOError (dup 2) >>= either (const (pure ())) (\fd -> modifyIORef (filling peer) (fd :) >> go)
  go
  _ <- number "leave" it >>= letGo peer
  held <- readIORef (filling peer)
  pure [("filled", count (length held))]

free :: Operation
free peer it = do
  all' <- length <$> readIORef (filling peer)
  freed <- maybe (pure all') (const (number "count" it)) (field "count" it) >>= letGo peer
  pure [("freed", count freed)]

letGo :: Peer -> Int -> IO Int
letGo peer wanted = do
  (going, left) <- splitAt wanted <$> readIORef (filling peer)
  writeIORef (filling peer) left
  length going <$ mapM_ closeFd going

churn :: Operation
churn peer it = do
  running <- readIORef (churning peer)
  case running of
    Nothing | truth "on" it -> do
      (wanted, done) <- (,) <$> newIORef True <*> newEmptyMVar
      void (forkIO (churnOn wanted >> putMVar done ()))
      writeIORef (churning peer) (Just (writeIORef wanted False >> takeMVar done))
    Just stop | not (truth "on" it) -> stop >> writeIORef (churning peer) Nothing
    _ -> pure ()
  pure []

churnOn :: IORef Bool -> IO ()
churnOn wanted = do
  both <- mapM (const (tryIOError (dup 2))) [1, 2 :: Int]
  threadDelay 100
  sequence_ [closeFd fd | Right fd <- both]
  threadDelay 100
  again <- readIORef wanted
  when again (churnOn wanted)

-- children

fork :: Operation
fork peer it = do
  input <- number "stdin" it
  output <- number "stdout" it
  pid <- forkProcess $ do
    void (dupTo input 0)
    void (dupTo output 1)
    closeBoth input output
    writeIORef (unread peer) Bytes.empty
    goOn peer
  closeBoth input output
  pure [("pid", count pid)]

closeBoth :: Fd -> Fd -> IO ()
closeBoth one other = closeFd one >> closeFd other

wait :: Operation
wait _ it = do
  pid <- number "pid" it
  let look = getProcessStatus False False pid >>= maybe (threadDelay 1000 >> look) pure
  status <- within it "it has not ended" look
  case status of
    Exited ExitSuccess -> pure [("status", Count 0)]
    Exited (ExitFailure code) -> pure [("status", count code)]
    Terminated signal _ -> pure [("status", count (negate (toInteger signal)))]
    Stopped _ -> failed "os" "it was stopped"
