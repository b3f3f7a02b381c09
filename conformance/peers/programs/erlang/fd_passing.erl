%% The passer: a NUL byte, and the descriptor's number as the data of a control message.
-module(fd_passing).
-export([operations/0, start/0]).
-import(fd_peer, [fail/2, fail_os/1, refuse/1, field/2]).

-define(INT, 32 / native - signed).
-define(CONTROL, 24). % bytes that a control message of one descriptor takes: CMSG_SPACE

start() ->
    #{sockets => #{}}.

operations() ->
    #{
        adopt => fun adopt/2,
        listen => fun listen/2,
        accept => fun accept/2,
        connect => fun connect/2,
        drop => fun drop/2,
        send => fun send/2,
        flush => fun flush/2,
        recv => fun recv/2,
        recv_nowait => fun recv_nowait/2
    }.

named(Kind, Socket, #{sockets := Sockets} = State) ->
    Name = iolist_to_binary(["s", integer_to_list(map_size(Sockets) + 1)]),
    {#{Kind => Name}, State#{sockets := Sockets#{Name => Socket}}}.

socket(Which, It, #{sockets := Sockets}) ->
    case maps:find(field(Which, It), Sockets) of
        {ok, dropped} -> fail(closed, <<"it has been dropped">>);
        {ok, Socket} -> Socket;
        error -> refuse(<<"there is no such passer here">>)
    end.

%% -- channels --

%% The socket is a duplicate: without one it would not be closed with the socket.
adopt(It, State) ->
    case socket:open(field(<<"fd">>, It)) of
        {ok, Socket} ->
            {#{}, Next} = fd_descriptors:close(It, State),
            named(passer, Socket, Next);
        {error, Why} -> fail_os(Why)
    end.

listen(It, State) ->
    Address = #{family => local, path => field(<<"path">>, It)},
    named(listener, opened([fun(S) -> socket:bind(S, Address) end, fun socket:listen/1]), State).

connect(It, State) ->
    Address = #{family => local, path => field(<<"path">>, It)},
    named(passer, opened([fun(S) -> socket:connect(S, Address) end]), State).

%% Gives a socket after these steps; it is closed if one of them fails.
opened(Steps) ->
    case socket:open(local, stream) of
        {error, Why} ->
            fail_os(Why);
        {ok, Socket} ->
            case [Why || Step <- Steps, {error, Why} <- [Step(Socket)]] of
                [] ->
                    Socket;
                [Why | _] ->
                    ok = socket:close(Socket),
                    fail_os(Why)
            end
    end.

accept(It, State) ->
    case socket:accept(socket(<<"listener">>, It, State), milliseconds(It)) of
        {ok, Socket} -> named(passer, Socket, State);
        {error, timeout} -> fail('timed-out', <<"nobody has connected in time">>);
        {error, Why} -> fail_os(Why)
    end.

drop(It, #{sockets := Sockets} = State) ->
    case socket:close(socket(<<"passer">>, It, State)) of
        ok -> {#{}, State#{sockets := Sockets#{field(<<"passer">>, It) := dropped}}};
        {error, Why} -> fail_os(Why)
    end.

%% -- passing --

send(It, State) ->
    Fd = field(<<"fd">>, It),
    Rights = #{level => socket, type => rights, data => <<Fd:?INT>>},
    Message = #{iov => [<<0>>], ctrl => [Rights]},
    case socket:sendmsg(socket(<<"passer">>, It, State), Message, [nosignal], 0) of
        ok -> taken_over(It, State);
        {error, closed} -> fail('peer-reset', <<"closed">>);
        {error, Why} -> fail_os(Why)
    end.

taken_over(#{<<"close">> := true} = It, State) -> fd_descriptors:close(It, State);
taken_over(_, State) -> {#{}, State}.

flush(It, State) ->
    _ = socket(<<"passer">>, It, State),
    {#{}, State}.

recv(It, State) ->
    receive_one(It, milliseconds(It), fun() -> fail('timed-out', <<"nothing came in time">>) end, State).

recv_nowait(It, State) ->
    receive_one(It, 0, fun() -> fail('would-block', <<"nothing is there">>) end, State).

receive_one(It, Timeout, Late, State) ->
    Socket = socket(<<"passer">>, It, State),
    case socket:recvmsg(Socket, 1, ?CONTROL, [cmsg_cloexec], Timeout) of
        {ok, Message} -> {#{fd => received(Message, State)}, State};
        {error, timeout} -> Late();
        {error, Why} -> fail_os(Why)
    end.

received(#{iov := Data, ctrl := Control, flags := Flags}, State) ->
    Fds = [Fd || #{level := socket, type := rights, data := Bytes} <- Control, <<Fd:?INT>> <= Bytes],
    case {Fds, lists:member(ctrunc, Flags), iolist_to_binary(Data)} of
        {[Fd], false, <<_>>} ->
            Fd;
        {_, Truncated, Byte} ->
            lists:foreach(fun(Fd) -> fd_descriptors:close_fd(Fd, State) end, Fds),
            told(Truncated, Byte)
    end.

told(true, _) -> fail(lost, <<"the control message was truncated">>);
told(false, <<>>) -> fail('peer-closed', <<"the stream has ended">>);
told(false, <<0>>) -> fail(lost, <<"a byte came without its descriptor">>);
told(false, _) -> fail('not-a-passer', <<"not a NUL byte with one descriptor">>).

milliseconds(#{<<"timeout">> := Seconds}) when is_number(Seconds) -> ceil(1000 * Seconds);
milliseconds(_) -> infinity.
