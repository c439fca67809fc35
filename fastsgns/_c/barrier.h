/* A place where threads wait for each other, thousands of times a second: they spin for a while, as long as the others
 * need who have a core of their own, and then sleep. */
#ifndef FASTSGNS_BARRIER_H
#define FASTSGNS_BARRIER_H

#include <stdint.h>

#if defined(_WIN32)
/* Not windows.h, whose macros take names such as `near` and `far` from all that follows. */
#include <intrin.h>
__declspec(dllimport) int __stdcall SwitchToThread(void);
typedef struct {
    int32_t threads;
    volatile long arrived, turn;
} sgns_barrier;
#define barrier_arrive(b) _InterlockedIncrement(&(b)->arrived)
#define barrier_turn(b) _InterlockedOr(&(b)->turn, 0)
#else
#include <pthread.h>
typedef struct {
    int32_t threads, arrived, turn;
    pthread_mutex_t mutex;
    pthread_cond_t opened;
} sgns_barrier;
#define barrier_arrive(b) __atomic_add_fetch(&(b)->arrived, 1, __ATOMIC_ACQ_REL)
#define barrier_turn(b) __atomic_load_n(&(b)->turn, __ATOMIC_ACQUIRE)
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define barrier_pause() _mm_pause()
#elif defined(__aarch64__) && defined(__GNUC__)
#define barrier_pause() __asm__ __volatile__("yield")
#else
#define barrier_pause() (void)0
#endif

enum { BARRIER_SPINS = 1024 }; /* some 10 to 50 microseconds */

/* 0, or an error number of the system. */
static int barrier_init(sgns_barrier *barrier, int32_t threads) {
    barrier->threads = threads;
    barrier->arrived = barrier->turn = 0;
#if defined(_WIN32)
    return 0;
#else
    int error = pthread_mutex_init(&barrier->mutex, NULL);
    return error ? error : pthread_cond_init(&barrier->opened, NULL);
#endif
}

static void barrier_destroy(sgns_barrier *barrier) {
#if defined(_WIN32)
    (void)barrier;
#else
    pthread_cond_destroy(&barrier->opened);
    pthread_mutex_destroy(&barrier->mutex);
#endif
}

/* Returns once all threads have come; what each wrote before, all see after. */
static void barrier_wait(sgns_barrier *barrier) {
    int32_t turn = barrier_turn(barrier);
    if (barrier_arrive(barrier) == barrier->threads) {
        barrier->arrived = 0; /* nobody arrives again before the turn has changed */
#if defined(_WIN32)
        _InterlockedIncrement(&barrier->turn);
#else
        pthread_mutex_lock(&barrier->mutex);
        __atomic_store_n(&barrier->turn, turn ^ 1, __ATOMIC_RELEASE);
        pthread_cond_broadcast(&barrier->opened);
        pthread_mutex_unlock(&barrier->mutex);
#endif
        return;
    }
    for (int spins = 0; spins < BARRIER_SPINS; spins++) {
        if (barrier_turn(barrier) != turn) return;
        barrier_pause();
    }
#if defined(_WIN32)
    while (barrier_turn(barrier) == turn) SwitchToThread();
#else
    pthread_mutex_lock(&barrier->mutex);
    while (barrier_turn(barrier) == turn) pthread_cond_wait(&barrier->opened, &barrier->mutex);
    pthread_mutex_unlock(&barrier->mutex);
#endif
}

#endif
