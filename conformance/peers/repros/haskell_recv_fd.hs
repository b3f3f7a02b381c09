-- recvFd of the package network gives -1 for the end of the stream, for text, and for a lost descriptor.
--
-- Expected: an exception where no descriptor was received, as recvBuf and accept throw one, and a way
--   to tell these apart: recvmsg(2) gives 0 at the end, and MSG_CTRUNC where a descriptor was lost.
--   The documentation of recvFd does not speak of -1.
-- Seen: -1 for the end of the stream and for a byte without a descriptor alike, and so where a
--   descriptor was lost.
-- Measured: network 3.1.2.7, GHC 9.0.2, on Linux 6.18, Debian 12:
--   for text without a descriptor: -1; for the end of the stream: -1
-- Run: runghc haskell_recv_fd.hs    (Debian: ghc, libghc-network-dev)
-- Shown by: python -m conformance run --peer haskell --check bidirectional.one-direction-ends
import Control.Exception (IOException, try)
import Network.Socket
import System.Exit (exitFailure)
import qualified Network.Socket.ByteString as Bytes
import qualified Data.ByteString.Char8 as Bytes

main :: IO ()
main = do
  (left, right) <- socketPair AF_UNIX Stream defaultProtocol
  _ <- Bytes.send left (Bytes.pack "x")
  text <- try (recvFd right)
  close left
  end <- try (recvFd right)
  putStrLn ("for text without a descriptor: " ++ shown text ++ "; for the end of the stream: " ++ shown end)
  case (text, end) of
    (Left _, Left _) -> pure ()
    _ -> exitFailure
  where
    shown outcome = either show show (outcome `asTypeOf` (Left (undefined :: IOException)))
