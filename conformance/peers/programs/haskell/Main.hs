{-# LANGUAGE CPP, PartialTypeSignatures #-}
{-# OPTIONS_GHC -Wno-partial-type-signatures #-}
-- | The peer program of Haskell's network: sendFd and recvFd. See ../../../PROTOCOL.md.
module Main (main) where

import Control.Exception (Handler (..), catches, try)
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Char8 as Letters
import qualified Data.ByteString.Internal as Bytes (createAndTrim)
import qualified Data.ByteString.Unsafe as Bytes
import Data.IORef
import qualified Data.Map as Map
import Data.Maybe (fromMaybe)
import Data.Version (showVersion)
import qualified Descriptors
import Foreign.C.Error
import Foreign.Ptr (castPtr)
import GHC.IO.Exception (IOException (..))
import Json (Value (..), parse, render)
import qualified Passing
import Peer
import System.Exit (ExitCode (..))
import System.Info (compilerName, compilerVersion)
import System.IO.Error (isEOFError)
import System.Posix.IO (fdReadBuf, fdWriteBuf)
import System.Posix.Process (exitImmediately, getAnyProcessStatus, getProcessID)

operations :: Map.Map String Operation
operations = Map.fromList (("hello", hello) : Descriptors.operations ++ Passing.operations)

hello :: Operation
hello _ _ = do
  pid <- getProcessID
  let language = "Haskell, " ++ compilerName ++ " " ++ showVersion compilerVersion
  pure
    [ ("protocol", Count 1)
    , ("name", Text "haskell")
    , ("version", Text VERSION_network)
    , ("language", Text language)
    , ("pid", count pid)
    , ("backends", Object [])
    , ("survivals", Object [])
    , ("ops", List (map Text (Map.keys operations)))
    ]

answer :: Peer -> String -> IO [(String, Value)]
answer peer line = case parse line of
  Just (Object it) -> (("id", fromMaybe Null (lookup "id" it)) :) <$> outcome peer it
  _ -> pure [("id", Null), failure (Failure "usage" "usage" "a request is an object of JSON")]

outcome :: Peer -> Request -> IO [(String, Value)]
outcome peer it = asked `catches` [Handler (pure . pure . failure), Handler (pure . pure . told)]
  where
    asked = do
      name <- word "op" it
      case Map.lookup name operations of
        Nothing -> pure [("unsupported", Object [("reason", Text "unknown operation")])]
        Just run -> (\fields -> [("ok", Object fields)]) <$> run peer it

failure :: Failure -> (String, Value)
failure (Failure kind name message) =
  ("error", Object [("class", Text kind), ("name", Text name), ("message", Text message)])

told :: IOException -> (String, Value)
told problem = ("error", Object (fields ++ [("errno", Text name) | Just name <- [lookup errno names]]))
  where
    errno = maybe eOK Errno (ioe_errno problem)
    message = ("message", Text (ioe_description problem))
    fields
      | errno `elem` [eAGAIN, eWOULDBLOCK] = [("class", Text "passer"), ("name", Text "would-block"), message]
      | errno `elem` [ePIPE, eCONNRESET] = [("class", Text "passer"), ("name", Text "peer-reset"), message]
      | otherwise = [("class", Text "os"), ("name", Text "os"), message]

names :: [(Errno, String)]
names =
  [ (eACCES, "EACCES"), (eADDRINUSE, "EADDRINUSE"), (eAGAIN, "EAGAIN"), (eBADF, "EBADF")
  , (eCONNREFUSED, "ECONNREFUSED"), (eCONNRESET, "ECONNRESET"), (eINVAL, "EINVAL"), (eISDIR, "EISDIR")
  , (eMFILE, "EMFILE"), (eNFILE, "ENFILE"), (eNOENT, "ENOENT"), (eNOTDIR, "ENOTDIR")
  , (eNOTSOCK, "ENOTSOCK"), (eNXIO, "ENXIO"), (ePERM, "EPERM"), (ePIPE, "EPIPE"), (eSPIPE, "ESPIPE")
  , (eTOOMANYREFS, "ETOOMANYREFS")
  ]

readLine :: IORef Bytes.ByteString -> IO (Maybe String)
readLine kept = do
  (line, rest) <- Letters.break (== '\n') <$> readIORef kept
  if not (Bytes.null rest)
    then Just (Letters.unpack line) <$ writeIORef kept (Bytes.drop 1 rest)
    else do
      some <- try (Bytes.createAndTrim 65536 (\into -> fromIntegral <$> fdReadBuf 0 into 65536))
      case some of
        Right more | not (Bytes.null more) -> modifyIORef kept (<> more) >> readLine kept
        Left end | not (isEOFError end) -> ioError end
        _ -> pure Nothing

say :: Bytes.ByteString -> IO ()
say line
  | Bytes.null line = pure ()
  | otherwise = do
      done <- Bytes.unsafeUseAsCStringLen line (\(from, size) -> fdWriteBuf 1 (castPtr from) (fromIntegral size))
      say (Bytes.drop (fromIntegral done) line)

loop :: Peer -> IO ()
loop peer = do
  line <- readLine (unread peer)
  case line of
    Nothing -> awaitChildren >> exitImmediately ExitSuccess
    Just request -> do
      said <- answer peer request
      say (Letters.pack (render (Object said) ++ "\n"))
      loop peer

-- | The children of fork, whose input ends before this one's.
awaitChildren :: IO ()
awaitChildren = do
  one <- try (getAnyProcessStatus True False) :: IO (Either IOException _)
  either (const (pure ())) (const awaitChildren) one

main :: IO ()
main = do
  made <- Peer <$> newIORef Map.empty <*> newIORef [] <*> newIORef Nothing <*> newIORef Bytes.empty
  let peer = made (loop peer)
  loop peer
