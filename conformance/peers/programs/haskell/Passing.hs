-- | The passer: sendFd and recvFd, which wait by themselves; so there is no recv_nowait.
module Passing (operations) where

import Control.Monad (void, when)
import Data.IORef
import qualified Data.Map as Map
import Json (Value (..))
import Network.Socket
import Peer
import System.Posix.IO (closeFd)
import System.Timeout (timeout)

-- | In which a send is over that finds the channel full.
soon :: Int
soon = 50000 -- microseconds

operations :: [(String, Operation)]
operations =
  [ ("adopt", adopt)
  , ("pair", pair)
  , ("listen", listenAt)
  , ("accept", acceptOne)
  , ("connect", connectTo)
  , ("credentials", credentials)
  , ("drop", dropIt)
  , ("send", send)
  , ("flush", \peer it -> [] <$ passer "passer" peer it)
  , ("recv", receive)
  ]

named :: Peer -> Socket -> IO Value
named peer socket' = do
  name <- ("s" ++) . show . (+ 1) . Map.size <$> readIORef (sockets peer)
  Text name <$ modifyIORef (sockets peer) (Map.insert name (Just socket'))

passer :: String -> Peer -> Request -> IO Socket
passer which peer it = do
  name <- word which it
  known <- readIORef (sockets peer)
  case Map.lookup name known of
    Nothing -> refuse "there is no such passer here"
    Just Nothing -> failed "closed" "it has been dropped"
    Just (Just open) -> pure open

adopt :: Operation
adopt peer it = do
  fd <- number "fd" it
  setNonBlockIfNeeded fd
  made <- mkSocket fd
  void (getSocketName made)
  one <- named peer made
  pure [("passer", one)]

pair :: Operation
pair peer _ = do
  (left, right) <- socketPair AF_UNIX Stream defaultProtocol
  both <- mapM (named peer) [left, right]
  pure [("passers", List both)]

listenAt :: Operation
listenAt peer it = do
  path <- word "path" it
  listener <- socket AF_UNIX Stream defaultProtocol
  bind listener (SockAddrUnix path)
  listen listener 128
  one <- named peer listener
  pure [("listener", one)]

acceptOne :: Operation
acceptOne peer it = do
  listener <- passer "listener" peer it
  (made, _) <- within it "nobody has connected in time" (accept listener)
  one <- named peer made
  pure [("passer", one)]

connectTo :: Operation
connectTo peer it = do
  path <- word "path" it
  made <- socket AF_UNIX Stream defaultProtocol
  connect made (SockAddrUnix path)
  one <- named peer made
  pure [("passer", one)]

credentials :: Operation
credentials peer it = do
  (pid, uid, gid) <- passer "passer" peer it >>= getPeerCredential
  pure (zip ["pid", "uid", "gid"] (map (maybe Null count) [pid, uid, gid]))

dropIt :: Operation
dropIt peer it = do
  passer "passer" peer it >>= close'
  name <- word "passer" it
  [] <$ modifyIORef (sockets peer) (Map.insert name Nothing)

send :: Operation
send peer it = do
  fd <- number "fd" it
  end <- passer "passer" peer it
  sent <- timeout soon (sendFd end fd)
  when (sent == Nothing) (failed "would-block" "there is no room in the channel")
  when (truth "close" it) (closeFd (fromIntegral fd))
  pure []

receive :: Operation
receive peer it = do
  end <- passer "passer" peer it
  fd <- within it "nothing has arrived in time" (recvFd end)
  when (fd < 0) (failed "lost" "recvFd gave -1") -- which is also what it gives at the end
  pure [("fd", count fd)]
