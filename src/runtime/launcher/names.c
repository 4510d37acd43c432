#include "names.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#define ERRORS(X) \
	X(EPERM, "Operation not permitted") \
	X(ENOENT, "No such file or directory") \
	X(ESRCH, "No such process") \
	X(EINTR, "Interrupted system call") \
	X(EIO, "Input/output error") \
	X(ENXIO, "No such device or address") \
	X(E2BIG, "Argument list too long") \
	X(ENOEXEC, "Exec format error") \
	X(EBADF, "Bad file descriptor") \
	X(ECHILD, "No child processes") \
	X(EAGAIN, "Resource temporarily unavailable") \
	X(ENOMEM, "Cannot allocate memory") \
	X(EACCES, "Permission denied") \
	X(EFAULT, "Bad address") \
	X(EBUSY, "Device or resource busy") \
	X(EEXIST, "File exists") \
	X(EXDEV, "Invalid cross-device link") \
	X(ENODEV, "No such device") \
	X(ENOTDIR, "Not a directory") \
	X(EISDIR, "Is a directory") \
	X(EINVAL, "Invalid argument") \
	X(ENFILE, "Too many open files in system") \
	X(EMFILE, "Too many open files") \
	X(ENOTTY, "Inappropriate ioctl for device") \
	X(ETXTBSY, "Text file busy") \
	X(EFBIG, "File too large") \
	X(ENOSPC, "No space left on device") \
	X(EROFS, "Read-only file system") \
	X(EMLINK, "Too many links") \
	X(EPIPE, "Broken pipe") \
	X(ERANGE, "Numerical result out of range") \
	X(EDEADLK, "Resource deadlock avoided") \
	X(ENAMETOOLONG, "File name too long") \
	X(ENOSYS, "Function not implemented") \
	X(ENOTEMPTY, "Directory not empty") \
	X(ELOOP, "Too many levels of symbolic links") \
	X(EPROTO, "Protocol error") \
	X(EOVERFLOW, "Value too large for defined data type") \
	X(EBADMSG, "Bad message") \
	X(ELIBBAD, "Accessing a corrupted shared library") \
	X(EUSERS, "Too many users") \
	X(EOPNOTSUPP, "Operation not supported") \
	X(EAFNOSUPPORT, "Address family not supported by protocol") \
	X(EPROTONOSUPPORT, "Protocol not supported") \
	X(ENOBUFS, "No buffer space available") \
	X(ESTALE, "Stale file handle") \
	X(EDQUOT, "Disk quota exceeded") \
	X(EKEYEXPIRED, "Key has expired") \
	X(EKEYREVOKED, "Key has been revoked") \
	X(ENOKEY, "Required key not available")

#define SIGNALS(X) \
	X(SIGHUP) X(SIGINT) X(SIGQUIT) X(SIGILL) X(SIGTRAP) X(SIGABRT) X(SIGBUS) X(SIGFPE) \
	X(SIGKILL) X(SIGUSR1) X(SIGSEGV) X(SIGUSR2) X(SIGPIPE) X(SIGALRM) X(SIGTERM) X(SIGSTKFLT) \
	X(SIGCHLD) X(SIGCONT) X(SIGSTOP) X(SIGTSTP) X(SIGTTIN) X(SIGTTOU) X(SIGURG) X(SIGXCPU) \
	X(SIGXFSZ) X(SIGVTALRM) X(SIGPROF) X(SIGWINCH) X(SIGPOLL) X(SIGPWR) X(SIGSYS)

const char *errno_name(int number)
{
	switch (number) {
#define X(symbol, sentence) case symbol: return #symbol;
		ERRORS(X)
#undef X
	default: return "";
	}
}

const char *errno_sentence(int number)
{
	switch (number) {
#define X(symbol, sentence) case symbol: return sentence;
		ERRORS(X)
#undef X
	default: return "an error without a name here";
	}
}

const char *signal_name(int number)
{
	switch (number) {
#define X(symbol) case symbol: return #symbol;
		SIGNALS(X)
#undef X
	default: return NULL;
	}
}
