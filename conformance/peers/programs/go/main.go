// The peer program of Go's net.UnixConn, WriteMsgUnix and ReadMsgUnix. See ../../../PROTOCOL.md.
// Go does not fork; and these calls wait by themselves, for which they have deadlines.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A request, with the fields of all operations.
type request struct {
	ID          string   `json:"id"`
	Op          string   `json:"op"`
	Fd          *int     `json:"fd"`
	Hex         string   `json:"hex"`
	Path        string   `json:"path"`
	Flags       []string `json:"flags"`
	Passer      string   `json:"passer"`
	Listener    string   `json:"listener"`
	Timeout     *float64 `json:"timeout"`
	Close       bool     `json:"close"`
	On          bool     `json:"on"`
	Count       *int     `json:"count"`
	Offset      int64    `json:"offset"`
	Leave       int      `json:"leave"`
	Descriptors uint64   `json:"descriptors"`
}

type fields map[string]any

// An error by its name in the protocol.
type failure struct{ class, name, message string }

func (it failure) Error() string { return it.message }

var operations = map[string]func(*request) (fields, error){}

func main() {
	operations["hello"] = hello
	settle()
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var it request
		answer := fields{}
		if err := json.Unmarshal(line, &it); err != nil {
			answer["error"] = told(failure{"usage", "usage", err.Error()})
		} else if run, found := operations[it.Op]; !found {
			answer["unsupported"] = fields{"reason": "unknown operation"}
		} else if ok, err := run(&it); err != nil {
			answer["error"] = told(err)
		} else {
			answer["ok"] = ok
		}
		answer["id"] = it.ID
		said, _ := json.Marshal(answer)
		os.Stdout.Write(append(said, '\n'))
	}
}

// What the runtime opens for waiting is to be open before anything is counted.
func settle() {
	one, other, err := pair()
	if err == nil {
		one.SetReadDeadline(time.Now())
		one.Read(make([]byte, 1))
		one.Close()
		other.Close()
	}
}

func hello(*request) (fields, error) {
	names := []string{}
	for name := range operations {
		names = append(names, name)
	}
	return fields{
		"protocol": 1, "name": "go", "version": runtime.Version(), "pid": os.Getpid(),
		"language": "Go " + runtime.Version(), "ops": names,
		"backends": fields{}, "survivals": fields{},
	}, nil
}

func told(err error) fields {
	var one failure
	if errors.As(err, &one) {
		return fields{"class": one.class, "name": one.name, "message": one.message}
	}
	if errors.Is(err, net.ErrClosed) {
		return fields{"class": "passer", "name": "closed", "message": err.Error()}
	}
	said := fields{"class": "os", "name": "os", "message": err.Error()}
	var number syscall.Errno
	if errors.As(err, &number) {
		said["errno"] = names[number]
		switch number {
		case syscall.EAGAIN:
			said["class"], said["name"] = "passer", "would-block"
		case syscall.EPIPE, syscall.ECONNRESET:
			said["class"], said["name"] = "passer", "peer-reset"
		}
	}
	return said
}

var names = map[syscall.Errno]string{
	syscall.EACCES: "EACCES", syscall.EADDRINUSE: "EADDRINUSE", syscall.EAGAIN: "EAGAIN",
	syscall.EBADF: "EBADF", syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET",
	syscall.EINVAL: "EINVAL", syscall.EMFILE: "EMFILE", syscall.ENFILE: "ENFILE",
	syscall.ENOENT: "ENOENT", syscall.ENOTSOCK: "ENOTSOCK", syscall.EPIPE: "EPIPE",
	syscall.EISDIR: "EISDIR", syscall.ENOTDIR: "ENOTDIR", syscall.ENXIO: "ENXIO",
	syscall.ETOOMANYREFS: "ETOOMANYREFS", syscall.ESPIPE: "ESPIPE", syscall.EPERM: "EPERM",
}

func refuse(why string) error { return failure{"usage", "usage", why} }

func late(why string) error { return failure{"passer", "timed-out", why} }
