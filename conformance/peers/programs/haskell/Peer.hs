-- | What the operations have in hand: the request, the outcomes, what the peer remembers.
module Peer where

import Control.Exception (Exception, throwIO)
import qualified Data.ByteString as Bytes
import Data.IORef (IORef)
import Data.Map (Map)
import Json (Value (..))
import Network.Socket (Socket)
import System.Posix.Types (Fd)
import System.Timeout (timeout)

data Peer = Peer
  { sockets :: IORef (Map String (Maybe Socket)) -- ^ by their names; nothing: dropped
  , filling :: IORef [Fd]
  , churning :: IORef (Maybe (IO ())) -- ^ what stops it
  , unread :: IORef Bytes.ByteString
  , goOn :: IO () -- ^ the loop of the child of a fork
  }

type Request = [(String, Value)]

-- | Gives what stands behind "ok".
type Operation = Peer -> Request -> IO [(String, Value)]

-- | An error by its class and name in the protocol.
data Failure = Failure String String String
  deriving (Show)

instance Exception Failure

failed :: String -> String -> IO a
failed name message = throwIO (Failure "passer" name message)

refuse :: String -> IO a
refuse = throwIO . Failure "usage" "usage"

field :: String -> Request -> Maybe Value
field name it = case lookup name it of
  Just Null -> Nothing
  found -> found

due :: String -> (Value -> Maybe a) -> Request -> IO a
due name as it = case field name it of
  Nothing -> refuse ("the request lacks " ++ name)
  Just value -> maybe (refuse (name ++ " is something else: " ++ show value)) pure (as value)

number :: Num a => String -> Request -> IO a
number name = due name as
  where
    as (Count whole) = Just (fromInteger whole)
    as _ = Nothing

word :: String -> Request -> IO String
word name = due name as
  where
    as (Text said) = Just said
    as _ = Nothing

truth :: String -> Request -> Bool
truth name it = field name it == Just (Truth True)

-- | Does it for at most as long as the request allows.
within :: Request -> String -> IO a -> IO a
within it late action = timeout microseconds action >>= maybe (failed "timed-out" late) pure
  where
    microseconds = case field "timeout" it of
      Just (Number seconds) -> ceiling (seconds * 1000000)
      Just (Count seconds) -> fromInteger seconds * 1000000
      _ -> -1

count :: Integral a => a -> Value
count = Count . toInteger
