package main

import (
	"encoding/hex"
	"syscall"
)

// What the peer does with plain descriptors, and with its table.

var flags = map[string]int{
	"read": syscall.O_RDONLY, "write": syscall.O_WRONLY, "both": syscall.O_RDWR,
	"append": syscall.O_APPEND, "nonblocking": syscall.O_NONBLOCK, "create": syscall.O_CREAT,
	"directory": syscall.O_DIRECTORY,
}

var kinds = map[uint32]string{
	syscall.S_IFREG: "file", syscall.S_IFDIR: "directory", syscall.S_IFIFO: "pipe",
	syscall.S_IFSOCK: "socket", syscall.S_IFCHR: "character device", syscall.S_IFBLK: "block device",
}

var filling []int

// With a descriptor, which the request has to name.
func of(run func(int, *request) (fields, error)) func(*request) (fields, error) {
	return func(it *request) (fields, error) {
		if it.Fd == nil {
			return nil, refuse("the request lacks fd")
		}
		return run(*it.Fd, it)
	}
}

func control(fd, command, value int) (int, error) {
	flags, _, number := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(command), uintptr(value))
	if number != 0 {
		return 0, number
	}
	return int(flags), nil
}

func init() {
	operations["open"] = func(it *request) (fields, error) {
		mode := syscall.O_NOCTTY | syscall.O_CLOEXEC
		for _, word := range it.Flags {
			flag, known := flags[word]
			if !known {
				return nil, refuse("no such flag: " + word)
			}
			mode |= flag
		}
		fd, err := syscall.Open(it.Path, mode, 0o600)
		return fields{"fd": fd}, err
	}
	operations["socketpair"] = func(*request) (fields, error) {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		return fields{"fds": fds}, err
	}
	operations["close"] = of(func(fd int, _ *request) (fields, error) {
		return fields{}, syscall.Close(fd)
	})
	operations["write"] = of(func(fd int, it *request) (fields, error) {
		data, err := hex.DecodeString(it.Hex)
		if err != nil {
			return nil, refuse(err.Error())
		}
		done := 0
		for done < len(data) {
			some, err := syscall.Write(fd, data[done:])
			if err == syscall.EAGAIN && done > 0 {
				break
			}
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				return nil, err
			}
			done += some
		}
		return fields{"count": done}, nil
	})
	operations["seek"] = of(func(fd int, it *request) (fields, error) {
		offset, err := syscall.Seek(fd, it.Offset, 0)
		return fields{"offset": offset}, err
	})
	operations["flags"] = of(func(fd int, _ *request) (fields, error) {
		mode, err := control(fd, syscall.F_GETFL, 0)
		if err != nil {
			return nil, err
		}
		more, err := control(fd, syscall.F_GETFD, 0)
		access := map[int]string{0: "read", 1: "write", 2: "both"}[mode&syscall.O_ACCMODE]
		return fields{
			"nonblocking": mode&syscall.O_NONBLOCK != 0, "append": mode&syscall.O_APPEND != 0,
			"access": access, "cloexec": more&syscall.FD_CLOEXEC != 0,
		}, err
	})
	operations["set_nonblocking"] = of(func(fd int, it *request) (fields, error) {
		return fields{}, syscall.SetNonblock(fd, it.On)
	})
	operations["identity"] = of(func(fd int, _ *request) (fields, error) {
		var about syscall.Stat_t
		err := syscall.Fstat(fd, &about)
		kind, known := kinds[about.Mode&syscall.S_IFMT]
		if !known {
			kind = "other"
		}
		return fields{"dev": about.Dev, "ino": about.Ino, "kind": kind}, err
	})
	operations["limit"] = func(it *request) (fields, error) {
		var limit syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		limit.Cur = it.Descriptors
		return fields{}, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	operations["fill"] = func(it *request) (fields, error) {
		for {
			fd, err := control(2, syscall.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				break
			}
			filling = append(filling, fd)
		}
		letGo(it.Leave)
		return fields{"filled": len(filling)}, nil
	}
	operations["free"] = func(it *request) (fields, error) {
		count := len(filling)
		if it.Count != nil {
			count = *it.Count
		}
		return fields{"freed": letGo(count)}, nil
	}
	operations["table"] = func(*request) (fields, error) {
		var limit syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		open := []int{}
		for fd := 0; fd < int(limit.Cur); fd++ {
			if _, err := control(fd, syscall.F_GETFD, 0); err == nil {
				open = append(open, fd)
			}
		}
		return fields{"fds": open}, nil
	}
}

func letGo(count int) int {
	if count > len(filling) {
		count = len(filling)
	}
	rest := len(filling) - count
	for _, fd := range filling[rest:] {
		syscall.Close(fd)
	}
	filling = filling[:rest]
	return count
}
