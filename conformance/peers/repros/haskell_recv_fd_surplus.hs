-- recvFd of the package network leaves descriptors open that came with the one it returns.
--
-- Expected: what is not given to the caller is closed, or an exception. unix(7): received descriptors
--   are as open as if by dup(2); a peer that sends more than one fills the table of the receiver.
-- Seen: it has room for four in its control buffer of 32 bytes (on 64-bit systems), takes the
--   first, and leaves the others open; nobody knows their numbers.
-- Measured: network 3.1.2.7, GHC 9.0.2, on Linux 6.18, Debian 12:
--   three were sent, recvFd returned 14, 2 others are open
-- Run: runghc haskell_recv_fd_surplus.hs    (Debian: ghc, libghc-network-dev; needs /proc)
-- Shown by: python -m conformance run --peer haskell --check table.surplus-is-closed
import Control.Monad (when)
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Unsafe as Bytes
import Foreign.Ptr (castPtr)
import Network.Socket hiding (sendBufMsg)
import Network.Socket.Address (SocketAddress (..), sendBufMsg)
import System.Directory (listDirectory)
import System.Exit (exitFailure)
import System.Posix.Types (Fd (..))

data Nowhere = Nowhere -- the address of who is connected

instance SocketAddress Nowhere where
  sizeOfSocketAddress _ = 0
  peekSocketAddress _ = pure Nowhere
  pokeSocketAddress _ _ = pure ()

main :: IO ()
main = do
  (left, right) <- socketPair AF_UNIX Stream defaultProtocol
  before <- open
  let three = Cmsg CmsgIdFd (Bytes.concat (replicate 3 (cmsgData (encodeCmsg (Fd 0)))))
  _ <- Bytes.unsafeUseAsCString (Bytes.pack [0]) $ \byte ->
    sendBufMsg left Nowhere [(castPtr byte, 1)] [three] mempty
  fd <- recvFd right
  after <- open
  let leaked = after - before - length [fd | fd >= 0]
  putStrLn ("three were sent, recvFd returned " ++ show fd ++ ", " ++ show leaked ++ " others are open")
  when (leaked > 0) exitFailure
  where
    open = length <$> listDirectory "/proc/self/fd"
