%% The peer program of Erlang's socket module: sendmsg, recvmsg and their control messages.
%% See ../../../PROTOCOL.md. Erlang does not fork, and has no socketpair.
-module(fd_peer).
-export([main/0, fail/2, fail_os/1, refuse/1, field/2]).

main() ->
    %% With a full descriptor table no module can be loaded.
    ok = code:ensure_modules_loaded([socket, string, lists, maps, binary, io_lib, fd_json]),
    Operations = maps:merge(fd_descriptors:operations(), fd_passing:operations()),
    Port = open_port({fd, 0, 1}, [binary, eof, {line, 1 bsl 20}]),
    State = maps:merge(fd_descriptors:start(), fd_passing:start()),
    loop(Port, Operations#{hello => hello(maps:keys(Operations))}, State).

loop(Port, Operations, State) ->
    receive
        {Port, {data, {eol, Line}}} ->
            {Answer, Next} = answer(Line, Operations, State),
            port_command(Port, [fd_json:encode(Answer), $\n]),
            loop(Port, Operations, Next);
        {Port, eof} ->
            halt(0)
    end.

answer(Line, Operations, State) ->
    try fd_json:decode(Line) of
        #{<<"id">> := Id, <<"op">> := Op} = It ->
            {Outcome, Next} = outcome(Op, It, Operations, State),
            {Outcome#{id => Id}, Next}
    catch
        error:_ ->
            {#{id => null, error => named(usage, usage, <<"a request is a line of JSON">>)}, State}
    end.

outcome(Op, It, Operations, State) ->
    Known = [Run || {Name, Run} <- maps:to_list(Operations), atom_to_binary(Name) =:= Op],
    try [Run(It, State) || Run <- Known] of
        [] -> {#{unsupported => #{reason => <<"unknown operation">>}}, State};
        [{Fields, Next}] -> {#{ok => Fields}, Next}
    catch
        throw:{failed, Error} -> {#{error => Error}, State}
    end.

hello(Names) ->
    Release = list_to_binary(erlang:system_info(otp_release)),
    Own = #{
        protocol => 1,
        name => erlang,
        version => <<"OTP ", Release/binary>>,
        language => <<"Erlang/OTP ", Release/binary>>,
        pid => list_to_integer(os:getpid()),
        backends => #{},
        survivals => #{},
        ops => [hello | Names]
    },
    fun(_, State) -> {Own, State} end.

named(Class, Name, Message) ->
    #{class => Class, name => Name, message => Message}.

-spec fail(atom(), binary()) -> no_return().
fail(Name, Message) ->
    throw({failed, named(passer, Name, Message)}).

-spec refuse(binary()) -> no_return().
refuse(Why) ->
    throw({failed, named(usage, usage, Why)}).

%% An error by the atom that Erlang has for its number; `closed' and `timeout' are its own.
-spec fail_os(atom()) -> no_return().
fail_os(eagain) -> fail('would-block', <<"there is no room, or nothing">>);
fail_os(timeout) -> fail('would-block', <<"it could not be done at once">>);
fail_os(closed) -> fail('peer-closed', <<"closed">>);
fail_os(Atom) ->
    Number = string:uppercase(atom_to_binary(Atom)),
    {Class, Name} =
        case lists:member(Atom, [epipe, econnreset]) of
            true -> {passer, 'peer-reset'};
            false -> {os, os}
        end,
    throw({failed, (named(Class, Name, atom_to_binary(Atom)))#{errno => Number}}).

field(Name, It) ->
    case It of
        #{Name := Value} when Value =/= null -> Value;
        _ -> refuse(<<"the request lacks ", Name/binary>>)
    end.
