package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// The passer: a NUL byte and the rights of one descriptor.

// In which a send is over that finds the channel full: WriteMsgUnix knows no other way not to wait.
const soon = 50 * time.Millisecond

var passers = map[string]*net.UnixConn{}
var listeners = map[string]*net.UnixListener{}
var named int

func name() string {
	named++
	return fmt.Sprintf("s%d", named)
}

func conn(it *request) (*net.UnixConn, error) {
	one, found := passers[it.Passer]
	if !found {
		return nil, refuse("there is no such passer here")
	}
	return one, nil
}

// The net package works on a duplicate, and so what it is given is closed.
func adopted(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "channel")
	if file == nil {
		return nil, syscall.EBADF
	}
	made, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	one, is := made.(*net.UnixConn)
	if !is {
		made.Close()
		return nil, syscall.ENOTSOCK
	}
	return one, file.Close()
}

func pair() (one, other *net.UnixConn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	if one, err = adopted(fds[0]); err == nil {
		other, err = adopted(fds[1])
	}
	return
}

func until(it *request) time.Time {
	if it.Timeout == nil {
		return time.Time{}
	}
	// With a deadline that has passed it would not even look.
	return time.Now().Add(time.Duration(*it.Timeout*float64(time.Second)) + time.Millisecond)
}

func init() {
	operations["adopt"] = of(func(fd int, _ *request) (fields, error) {
		one, err := adopted(fd)
		if err != nil {
			return nil, err
		}
		word := name()
		passers[word] = one
		return fields{"passer": word}, nil
	})
	operations["listen"] = func(it *request) (fields, error) {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: it.Path, Net: "unix"})
		if err != nil {
			return nil, err
		}
		word := name()
		listeners[word] = listener
		return fields{"listener": word}, nil
	}
	operations["accept"] = func(it *request) (fields, error) {
		listener, found := listeners[it.Listener]
		if !found {
			return nil, refuse("there is no such listener here")
		}
		listener.SetDeadline(until(it))
		one, err := listener.AcceptUnix()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, late("nobody has connected in time")
		}
		if err != nil {
			return nil, err
		}
		word := name()
		passers[word] = one
		return fields{"passer": word}, nil
	}
	operations["connect"] = func(it *request) (fields, error) {
		one, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: it.Path, Net: "unix"})
		if err != nil {
			return nil, err
		}
		word := name()
		passers[word] = one
		return fields{"passer": word}, nil
	}
	operations["drop"] = func(it *request) (fields, error) {
		if listener, found := listeners[it.Passer]; found {
			return fields{}, listener.Close()
		}
		one, err := conn(it)
		if err != nil {
			return nil, err
		}
		return fields{}, one.Close()
	}
	operations["send"] = of(send)
	operations["flush"] = func(it *request) (fields, error) {
		_, err := conn(it)
		return fields{}, err
	}
	operations["recv"] = receive
}

func send(fd int, it *request) (fields, error) {
	one, err := conn(it)
	if err != nil {
		return nil, err
	}
	one.SetWriteDeadline(time.Now().Add(soon))
	_, _, err = one.WriteMsgUnix([]byte{0}, syscall.UnixRights(fd), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, failure{"passer", "would-block", err.Error()}
	}
	if err == nil && it.Close {
		err = syscall.Close(fd)
	}
	return fields{}, err
}

func receive(it *request) (fields, error) {
	one, err := conn(it)
	if err != nil {
		return nil, err
	}
	data, rights := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	one.SetReadDeadline(until(it))
	got, size, flags, _, err := one.ReadMsgUnix(data, rights)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, late("nothing has arrived in time")
	}
	if errors.Is(err, io.EOF) || err == nil && got == 0 {
		return nil, failure{"passer", "peer-closed", "the stream has ended"}
	}
	if err != nil {
		return nil, err
	}
	fds := []int{}
	messages, err := syscall.ParseSocketControlMessage(rights[:size])
	for _, message := range messages {
		if some, refused := syscall.ParseUnixRights(&message); refused == nil {
			fds = append(fds, some...)
		}
	}
	if len(fds) == 1 && flags&syscall.MSG_CTRUNC == 0 {
		return fields{"fd": fds[0]}, nil
	}
	for _, fd := range fds {
		syscall.Close(fd)
	}
	if flags&syscall.MSG_CTRUNC != 0 || len(fds) == 0 && data[0] == 0 {
		return nil, failure{"passer", "lost", "a byte came without its descriptor"}
	}
	return nil, failure{"passer", "not-a-passer", "not a NUL byte with one descriptor"}
}
