/// The peer program of D's sendmsg and recvmsg. See ../../../PROTOCOL.md.
///
/// What reads requests and writes answers is made at compile time of the methods that are marked
/// `@operation`: their names, those of their parameters, and those in what they return.
module peer;

import std.algorithm : countUntil, map;
import std.array : array;
import std.compiler : compilerName = name, version_major, version_minor;
import std.conv : to;
import std.exception : ErrnoException;
import std.format : format;
import std.json : JSONOptions, JSONValue, parseJSON;
import std.meta : staticMap;
import std.traits : getSymbolsByUDA, ParameterDefaults, ParameterIdentifierTuple, Parameters,
    ReturnType;

import core.stdc.errno;
import core.sys.posix.unistd : getpid, readFrom = read, writeTo = write;

import descriptors;
import passing;

/// The child of a fork has no threads that would mark for it.
extern (C) __gshared string[] rt_options = ["gcopt=parallel:0"];

class Peer : Passing {
    private string unread; // of standard input

    @operation auto hello() {
        enum compiler = format!"%s %d.%03d"(compilerName, version_major, version_minor);
        enum nameOf(alias method) = __traits(identifier, method);
        enum ops = [staticMap!(nameOf, getSymbolsByUDA!(Peer, operation))];
        auto about = JSONValue(["name": "dlang", "version": compiler, "language": "D"]);
        about["protocol"] = 1;
        about["pid"] = getpid();
        about["ops"] = ops;
        about["backends"] = parseJSON("{}");
        about["survivals"] = parseJSON("{}");
        return about;
    }

    /// Answers requests until there are no more.
    void serve() {
        while (const line = request()) {
            try
                writeAll(answer(parseJSON(line)).toString(JSONOptions.doNotEscapeSlashes) ~ "\n");
            catch (Forked)
                unread = null;
        }
        reap();
    }

    /// A line, or null at the end. std.stdio would keep for the child what it has read.
    private string request() {
        ptrdiff_t end;
        while ((end = unread.countUntil('\n')) < 0) {
            char[4096] part;
            const count = system!readFrom(0, part.ptr, part.length);
            if (!count) return null;
            unread ~= part[0 .. count];
        }
        scope (exit) unread = unread[end + 1 .. $];
        return unread[0 .. end];
    }

    private JSONValue answer(JSONValue asked) {
        auto said = JSONValue(["id": asked["id"]]);
        try {
            switch (asked["op"].str) {
                static foreach (method; getSymbolsByUDA!(Peer, operation)) {
                case __traits(identifier, method):
                    said["ok"] = perform!method(asked);
                    return said;
                }
                default:
                    said["unsupported"] = ["reason": "unknown operation"];
            }
        }
        catch (Exception failure)
            said["error"] = told(failure);
        return said;
    }

    /// Calls a method with the fields that are named as its parameters, and gives what it brings.
    private JSONValue perform(alias method)(JSONValue asked) {
        Parameters!method arguments;
        static foreach (i, name; ParameterIdentifierTuple!method) {
            if (auto field = name in asked)
                arguments[i] = valueOf!(Parameters!method[i])(*field);
            else static if (is(ParameterDefaults!method[i] == void))
                throw new Exception("the request lacks " ~ name);
            else
                arguments[i] = ParameterDefaults!method[i];
        }
        alias bound = __traits(getMember, this, __traits(identifier, method));
        auto brought = parseJSON("{}");
        static if (is(ReturnType!method == JSONValue))
            brought = bound(arguments);
        else static if (is(ReturnType!method == void))
            bound(arguments);
        else
            foreach (i, value; bound(arguments).tupleof)
                brought[ReturnType!method.fieldNames[i]] = value;
        return brought;
    }

    private T valueOf(T)(JSONValue field) {
        static if (is(T == Passer))
            return named(field.str);
        else static if (is(T == E[], E) && !is(T == string))
            return field.array.map!(one => one.get!E).array;
        else
            return field.get!T;
    }
}

private void writeAll(string said) {
    while (said.length)
        said = said[system!writeTo(1, said.ptr, said.length) .. $];
}

private JSONValue told(Exception failure) {
    auto condition = cast(Condition) failure;
    auto call = cast(ErrnoException) failure;
    const names = [EAGAIN: "would-block", EPIPE: "peer-reset", ECONNRESET: "peer-reset"];
    const name = condition ? condition.name : call ? names.get(call.errno, "os") : "usage";
    const kind = name == "os" || name == "usage" ? name : "passer";
    auto error = JSONValue(["class": kind, "name": name, "message": failure.msg]);
    if (call)
        error["errno"] = errnoName(call.errno);
    if (condition && condition.accepted)
        error["accepted"] = condition.accepted;
    return error;
}

/// `EBADF` for 9.
private string errnoName(int number) {
    static foreach (name; __traits(allMembers, core.stdc.errno))
        static if (name[0] == 'E')
            if (number == __traits(getMember, core.stdc.errno, name))
                return name;
    return number.to!string;
}

void main() { new Peer().serve(); }
