%% What the peer does with plain descriptors, and with its table, by the calls that `file' is made of.
%% They know neither fcntl(2) nor poll(2): there is no telling of flags, no O_NONBLOCK, and a read
%% waits as long as the system does.
-module(fd_descriptors).
-export([operations/0, start/0, close/2, close_fd/2]).
-include_lib("kernel/include/file.hrl").
-import(fd_peer, [fail_os/1, refuse/1, field/2]).

-define(TYPE, 8#170000). % S_IFMT
-define(PATIENCE, 3000). % milliseconds
-define(PRLIMIT, "while read most; do prlimit --pid=$0 --nofile=$most: && echo ok || echo not; done").

%% `files' has the reference of every descriptor that was used: one that goes closes the descriptor.
start() ->
    #{files => #{}, filling => [], churning => none, limiter => limiter(os:find_executable("prlimit"))}.

operations() ->
    Always = #{
        open => fun open/2,
        write => fun write/2,
        read => fun read/2,
        seek => fun seek/2,
        close => fun close/2,
        identity => fun identity/2,
        fill => fun fill/2,
        free => fun free/2,
        churn => fun churn/2
    },
    case os:find_executable("prlimit") of
        false -> Always;
        _ -> Always#{limit => fun limit/2}
    end.

ok(ok) -> ok;
ok({ok, Value}) -> Value;
ok({error, Why}) -> fail_os(Why).

%% -- descriptors --

file(It, #{files := Files} = State) ->
    case field(<<"fd">>, It) of
        Fd when is_map_key(Fd, Files) ->
            {map_get(Fd, Files), State};
        Fd ->
            File = ok(prim_file:file_desc_to_ref(Fd, [read, write])),
            {File, State#{files := Files#{Fd => File}}}
    end.

open(It, #{files := Files} = State) ->
    Modes = lists:append([mode(Word) || Word <- field(<<"flags">>, It)]),
    File = ok(prim_file:open(field(<<"path">>, It), Modes)),
    <<Fd:32/native>> = prim_file:get_handle(File),
    {#{fd => Fd}, State#{files := Files#{Fd => File}}}.

mode(<<"read">>) -> [read];
mode(<<"write">>) -> [write]; % which empties a regular file; a FIFO has nothing that it could lose
mode(<<"both">>) -> [read, write];
mode(<<"append">>) -> [append];
mode(<<"create">>) -> []; % which each of the others but read does anyway
mode(<<"directory">>) -> [directory];
mode(Word) -> refuse(<<"no such flag here: ", Word/binary>>).

write(It, State) ->
    {File, Next} = file(It, State),
    Data = binary:decode_hex(field(<<"hex">>, It)),
    ok = ok(prim_file:write(File, Data)),
    {#{count => byte_size(Data)}, Next}.

read(It, State) ->
    {File, Next} = file(It, State),
    case prim_file:read(File, field(<<"count">>, It)) of
        eof -> {#{hex => <<>>}, Next};
        Said -> {#{hex => string:lowercase(binary:encode_hex(ok(Said)))}, Next}
    end.

seek(It, State) ->
    {File, Next} = file(It, State),
    {#{offset => ok(prim_file:position(File, {bof, field(<<"offset">>, It)}))}, Next}.

close(It, State) ->
    {#{}, close_fd(field(<<"fd">>, It), State)}.

close_fd(Fd, State) ->
    {File, #{files := Files} = Next} = file(#{<<"fd">> => Fd}, State),
    ok = ok(prim_file:close(File)),
    Next#{files := maps:remove(Fd, Files)}.

identity(It, State) ->
    {File, Next} = file(It, State),
    About = ok(prim_file:read_handle_info(File)),
    {#{dev => About#file_info.major_device, ino => About#file_info.inode,
       kind => kind(About#file_info.mode band ?TYPE)}, Next}.

kind(8#100000) -> <<"file">>;
kind(8#040000) -> <<"directory">>;
kind(8#010000) -> <<"pipe">>;
kind(8#140000) -> <<"socket">>;
kind(8#020000) -> <<"character device">>;
kind(8#060000) -> <<"block device">>;
kind(_) -> <<"other">>.

%% -- the table --

%% Erlang has no setrlimit(2). What runs prlimit(1) is there before the table can be full.
limiter(false) ->
    none;
limiter(_) ->
    Shell = {spawn_executable, os:find_executable("sh")},
    open_port(Shell, [binary, {line, 80}, {args, ["-c", ?PRLIMIT, os:getpid()]}]).

limit(It, #{limiter := Port} = State) ->
    port_command(Port, [integer_to_binary(field(<<"descriptors">>, It)), $\n]),
    receive
        {Port, {data, {eol, <<"ok">>}}} -> {#{}, State};
        {Port, {data, {eol, _}}} -> fail_os(eperm)
    after ?PATIENCE -> fail_os(etimedout)
    end.

fill(It, #{filling := Filling} = State) ->
    {_, Left} = let_go(field(<<"leave">>, It), filled(Filling)),
    {#{filled => length(Left)}, State#{filling := Left}}.

filled(Filling) ->
    case prim_file:open("/dev/null", [read]) of
        {ok, File} -> filled([File | Filling]);
        {error, emfile} -> Filling
    end.

free(It, #{filling := Filling} = State) ->
    {Freed, Left} = let_go(maps:get(<<"count">>, It, length(Filling)), Filling),
    {#{freed => Freed}, State#{filling := Left}}.

let_go(Count, Filling) ->
    {Going, Left} = lists:split(min(Count, length(Filling)), Filling),
    lists:foreach(fun(File) -> ok = prim_file:close(File) end, Going),
    {length(Going), Left}.

churn(#{<<"on">> := true}, #{churning := none} = State) ->
    {#{}, State#{churning := spawn_link(fun churning/0)}};
churn(#{<<"on">> := false}, #{churning := Pid} = State) when is_pid(Pid) ->
    Watch = monitor(process, Pid),
    Pid ! stop,
    receive
        {'DOWN', Watch, process, Pid, normal} -> {#{}, State#{churning := none}}
    after ?PATIENCE -> fail_os(etimedout)
    end;
churn(_, State) ->
    {#{}, State}.

churning() ->
    Opened = [prim_file:open("/dev/null", [read]) || _ <- [1, 2]],
    receive after 1 -> ok end,
    [ok = prim_file:close(File) || {ok, File} <- Opened],
    receive stop -> ok after 1 -> churning() end.
