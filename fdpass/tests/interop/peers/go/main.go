// Over standard input: "send" passes the files that are named, each with the NUL byte that Go puts
// in where there is no other; "answer" receives so many sockets, says which they are, and answers
// what each is asked.
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
)

func main() {
	log.SetFlags(0)
	channel, err := net.FileConn(os.Stdin)
	check(err)
	switch os.Args[1] {
	case "send":
		for _, path := range os.Args[2:] {
			send(channel.(*net.UnixConn), path)
		}
	case "answer":
		count, err := strconv.Atoi(os.Args[2])
		check(err)
		for i := 0; i < count; i++ {
			answer(receive(channel.(*net.UnixConn)))
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func send(channel *net.UnixConn, path string) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	check(err)
	_, _, err = channel.WriteMsgUnix(nil, syscall.UnixRights(int(file.Fd())), nil)
	check(err)
	check(file.Close())
}

func receive(channel *net.UnixConn) int {
	data, control := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	_, size, _, _, err := channel.ReadMsgUnix(data, control)
	check(err)
	messages, err := syscall.ParseSocketControlMessage(control[:size])
	check(err)
	if len(messages) != 1 {
		log.Fatalf("expected 1 control message, received %d", len(messages))
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	check(err)
	return fds[0]
}

func answer(fd int) {
	var found syscall.Stat_t
	check(syscall.Fstat(fd, &found))
	fmt.Println(found.Dev, found.Ino)
	socket := os.NewFile(uintptr(fd), "passed")
	question := make([]byte, 100)
	size, err := socket.Read(question)
	check(err)
	_, err = socket.Write(bytes.ToUpper(question[:size]))
	check(err)
	check(socket.Close())
}
