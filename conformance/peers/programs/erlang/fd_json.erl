%% As much of JSON as requests and answers have; a module `json' comes with OTP 27.
-module(fd_json).
-export([decode/1, encode/1]).

%% Objects are maps with binaries for keys, strings are binaries; not JSON is an error `badarg'.
decode(Line) ->
    case value(blanks(Line)) of
        {Value, Rest} ->
            blanks(Rest) =:= <<>> orelse error(badarg),
            Value
    end.

value(<<${, Rest/binary>>) -> members(blanks(Rest), #{});
value(<<$[, Rest/binary>>) -> elements(blanks(Rest), []);
value(<<$", Rest/binary>>) -> text(Rest, <<>>);
value(<<"true", Rest/binary>>) -> {true, Rest};
value(<<"false", Rest/binary>>) -> {false, Rest};
value(<<"null", Rest/binary>>) -> {null, Rest};
value(Digits) -> number(Digits).

members(<<$}, Rest/binary>>, Object) ->
    {Object, Rest};
members(<<$,, Rest/binary>>, Object) ->
    members(blanks(Rest), Object);
members(<<$", Rest/binary>>, Object) ->
    {Name, After} = text(Rest, <<>>),
    case blanks(After) of
        <<$:, Behind/binary>> ->
            {Value, Next} = value(blanks(Behind)),
            members(blanks(Next), Object#{Name => Value});
        _ ->
            error(badarg)
    end;
members(_, _) ->
    error(badarg).

elements(<<$], Rest/binary>>, Reversed) -> {lists:reverse(Reversed), Rest};
elements(<<$,, Rest/binary>>, Reversed) -> elements(blanks(Rest), Reversed);
elements(Rest, Reversed) ->
    {Value, Next} = value(Rest),
    elements(blanks(Next), [Value | Reversed]).

text(<<$", Rest/binary>>, Said) -> {Said, Rest};
text(<<"\\u", Digits:4/binary, Rest/binary>>, Said) ->
    text(Rest, <<Said/binary, (binary_to_integer(Digits, 16))/utf8>>);
text(<<"\\n", Rest/binary>>, Said) -> text(Rest, <<Said/binary, $\n>>);
text(<<"\\t", Rest/binary>>, Said) -> text(Rest, <<Said/binary, $\t>>);
text(<<$\\, Same, Rest/binary>>, Said) -> text(Rest, <<Said/binary, Same>>);
text(<<Letter, Rest/binary>>, Said) -> text(Rest, <<Said/binary, Letter>>);
text(<<>>, _) -> error(badarg).

number(Digits) ->
    case string:to_float(Digits) of
        {Value, Rest} when is_float(Value) -> {Value, Rest};
        _ ->
            case string:to_integer(Digits) of
                {Value, Rest} when is_integer(Value) -> {Value, Rest};
                _ -> error(badarg)
            end
    end.

blanks(<<Blank, Rest/binary>>) when Blank =:= $\s; Blank =:= $\t; Blank =:= $\r; Blank =:= $\n ->
    blanks(Rest);
blanks(Rest) ->
    Rest.

encode(Object) when is_map(Object) ->
    Members = [[encode(Name), ": ", encode(Value)] || {Name, Value} <- maps:to_list(Object)],
    [${, lists:join(", ", Members), $}];
encode(List) when is_list(List) -> [$[, lists:join(", ", [encode(One) || One <- List]), $]];
encode(Number) when is_integer(Number) -> integer_to_binary(Number);
encode(Truth) when is_boolean(Truth); Truth =:= null -> atom_to_binary(Truth);
encode(Word) when is_atom(Word) -> encode(atom_to_binary(Word));
encode(Text) when is_binary(Text) -> [$", [escaped(Byte) || <<Byte>> <= Text], $"].

escaped(Byte) when Byte =:= $"; Byte =:= $\\ -> [$\\, Byte];
escaped(Byte) when Byte < $\s -> io_lib:format("\\u~4.16.0b", [Byte]);
escaped(Byte) -> Byte.
