/* Shifts what a process is told of the time of day by CLOCK_SHIFT seconds, to be preloaded.
 *
 * Only CLOCK_REALTIME as the process itself asks for it: libfaketime also shifts the times up to
 * which librdkafka's threads wait, and not the waits, so they end at once or a minute late. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*ask)(clockid_t, struct timespec *);
    static long shift;
    if (!ask) {
        const char *seconds = getenv("CLOCK_SHIFT");
        shift = seconds ? atol(seconds) : 0;
        ask = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = ask(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) {
        time->tv_sec += shift;
    }
    return result;
}
