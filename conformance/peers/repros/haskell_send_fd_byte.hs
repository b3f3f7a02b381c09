-- sendFd of the package network sends a byte that nobody has set, beside the descriptor.
--
-- Expected: the same byte each time. The receiver sees it; a peer of another process may read what
--   the sender's memory held before, and a receiver that asks for a NUL, as many do, refuses it.
-- Seen: what malloc gave. sendFd takes its buffer from allocaBytes and does not write to it.
-- Measured: network 3.1.2.7, GHC 9.0.2, on Linux 6.18, Debian 12:
--   the bytes that came with 20 descriptors:
--   [116,200,41,24,80,138,67,184,26,137,40,117,66,217,40,184,128,128,184,40]
-- Run: runghc haskell_send_fd_byte.hs    (Debian: ghc, libghc-network-dev)
-- Shown by: python -m conformance pairs --peer haskell --peer io-fdpass
import Control.Monad (forM)
import Data.List (nub)
import Foreign (Word8, alloca, peek)
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Utils (fillBytes)
import Network.Socket
import System.Exit (exitFailure)

main :: IO ()
main = do
  (left, right) <- socketPair AF_UNIX Stream defaultProtocol
  bytes <- forM [1 .. 20] $ \number -> do
    allocaBytes 1 (\used -> fillBytes used (number :: Word8) 1) -- what the program used before
    sendFd left 0
    alloca (\byte -> recvBuf right byte 1 >> peek byte)
  putStrLn ("the bytes that came with 20 descriptors: " ++ show (bytes :: [Word8]))
  if length (nub bytes) == 1 then pure () else exitFailure
