-- | As much of JSON as requests and answers have.
module Json (Value (..), parse, render) where

import Data.Char (chr, isDigit, isHexDigit)
import Data.List (intercalate)
import Numeric (readHex, showHex)
import Text.ParserCombinators.ReadP

data Value
  = Null
  | Truth Bool
  | Number Double
  | Count Integer
  | Text String
  | List [Value]
  | Object [(String, Value)]
  deriving (Eq, Show)

parse :: String -> Maybe Value
parse line = case [value | (value, "") <- readP_to_S (skipSpaces *> anything <* eof) line] of
  [value] -> Just value
  _ -> Nothing

anything :: ReadP Value
anything =
  choice
    [ Null <$ token "null"
    , Truth True <$ token "true"
    , Truth False <$ token "false"
    , Text <$> text
    , number
    , List <$> between (token "[") (token "]") (anything `sepBy` token ",")
    , Object <$> between (token "{") (token "}") (member `sepBy` token ",")
    ]
  where
    member = (,) <$> text <* token ":" <*> anything

token :: String -> ReadP ()
token word = string word *> skipSpaces

number :: ReadP Value
number = do
  digits <- munch1 (\letter -> isDigit letter || letter `elem` "+-.eE") <* skipSpaces
  case (reads digits, reads digits) of
    ([(whole, "")], _) -> pure (Count whole)
    (_, [(part, "")]) -> pure (Number part)
    _ -> pfail

text :: ReadP String
text = between (char '"') (token "\"") (many letter)
  where
    letter = satisfy (`notElem` "\"\\") <++ (char '\\' *> escaped)
    escaped = (char 'u' *> (chr . fst . head . readHex <$> count 4 (satisfy isHexDigit))) <++ (plain <$> get)
    plain 'n' = '\n'
    plain 't' = '\t'
    plain same = same

render :: Value -> String
render value = case value of
  Null -> "null"
  Truth is -> if is then "true" else "false"
  Number part -> show part
  Count whole -> show whole
  Text said -> quoted said
  List list -> "[" ++ intercalate ", " (map render list) ++ "]"
  Object fields -> "{" ++ intercalate ", " [quoted name ++ ": " ++ render one | (name, one) <- fields] ++ "}"

quoted :: String -> String
quoted said = "\"" ++ concatMap letter said ++ "\""
  where
    letter one
      | one `elem` "\"\\" = ['\\', one]
      | one < ' ' || one > '~' = "\\u" ++ drop (length (showHex (fromEnum one) "")) "0000" ++ showHex (fromEnum one) ""
      | otherwise = [one]
