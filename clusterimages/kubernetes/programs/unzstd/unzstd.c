/* unzstd: a zstd stream on standard input becomes its content on standard output. For hosts that have no zstd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

static void fail(const char *what, const char *why) {
	fprintf(stderr, "unzstd: %s: %s\n", what, why);
	exit(1);
}

static void write_all(const char *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, length);
		if (written < 0 && errno == EINTR) continue;
		if (written < 0) fail("cannot write", strerror(errno));
		bytes += written;
		length -= (size_t)written;
	}
}

int main(void) {
	size_t in_size = ZSTD_DStreamInSize(), out_size = ZSTD_DStreamOutSize();
	char *in = malloc(in_size), *out = malloc(out_size);
	ZSTD_DCtx *context = ZSTD_createDCtx();
	if (!in || !out || !context) fail("cannot start", "out of memory");
	/* 0 when a frame has just ended: only then may the input end. */
	size_t pending = 0;
	for (;;) {
		ssize_t length = read(STDIN_FILENO, in, in_size);
		if (length < 0 && errno == EINTR) continue;
		if (length < 0) fail("cannot read", strerror(errno));
		if (length == 0) break;
		ZSTD_inBuffer source = {in, (size_t)length, 0};
		while (source.pos < source.size) {
			ZSTD_outBuffer target = {out, out_size, 0};
			pending = ZSTD_decompressStream(context, &target, &source);
			if (ZSTD_isError(pending)) fail("bad input", ZSTD_getErrorName(pending));
			write_all(out, target.pos);
		}
		/* What the decoder still holds back. */
		for (size_t held = pending; held > 0;) {
			ZSTD_outBuffer target = {out, out_size, 0};
			pending = ZSTD_decompressStream(context, &target, &source);
			if (ZSTD_isError(pending)) fail("bad input", ZSTD_getErrorName(pending));
			write_all(out, target.pos);
			held = target.pos == out_size ? pending : 0;
		}
	}
	if (pending != 0) fail("bad input", "it ends in the middle");
	return 0;
}
