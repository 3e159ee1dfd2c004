// CUDA's words for a C++ compiler: kernels run on the host, one block after the other, its threads
// as coroutines that change at each barrier, in an order to choose: what depends on the order is a
// race. All must come to the same barrier. For tests; slow.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
#define __restrict__
#define __launch_bounds__(threads, blocks)
#define __noinline__

namespace host {
struct Index {
  unsigned x, y, z;
};
inline Index thread, block, threads, blocks;
inline std::vector<double> arena;
inline ucontext_t driver;
inline std::vector<ucontext_t> fibers;
inline unsigned running;

// 0 forward, 1 backward, 2 shuffled anew before each barrier.
inline int order = 0;
inline bool divergent = false;
inline std::vector<int> waiting;

inline void barrier(int line) {
  waiting[running] = line;
  swapcontext(&fibers[running], &driver);
}

constexpr int ENDED = -1;
inline std::function<void()> body;

inline void enter() {
  body();
  waiting[running] = ENDED;
}

// One block: every thread to the next barrier, until all have ended.
inline void run_block(unsigned size) {
  constexpr size_t stack = 128 * 1024;
  static std::vector<std::vector<char>> stacks;
  if (stacks.size() < size) stacks.resize(size);
  fibers.resize(size);
  waiting.assign(size, 0);
  static std::mt19937 random(0);
  std::vector<unsigned> turns(size);
  std::iota(turns.begin(), turns.end(), 0u);
  if (order == 1) std::reverse(turns.begin(), turns.end());
  for (unsigned t = 0; t < size; ++t) {
    stacks[t].resize(stack);
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks[t].data();
    fibers[t].uc_stack.ss_size = stack;
    fibers[t].uc_link = &driver;
    makecontext(&fibers[t], enter, 0);
  }
  while (std::count(waiting.begin(), waiting.end(), ENDED) < size) {
    if (order == 2) std::shuffle(turns.begin(), turns.end(), random);
    for (const unsigned t : turns) {
      if (waiting[t] == ENDED) continue;
      running = t;
      thread = Index{t, 0, 0};
      swapcontext(&driver, &fibers[t]);
    }
    if (std::count(waiting.begin(), waiting.end(), waiting[0]) < size) divergent = true;
  }
}

using Kernel = std::function<void(void**)>;
inline std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}

template <class... Args, size_t... Places>
void call(void (*kernel)(Args...), void** args, std::index_sequence<Places...>) {
  kernel(*static_cast<Args*>(args[Places])...);
}

template <class... Args>
int add(const char* name, void (*kernel)(Args...)) {
  kernels()[name] = [kernel](void** args) {
    call(kernel, args, std::index_sequence_for<Args...>{});
  };
  return 0;
}
}  // namespace host

#define threadIdx host::thread
#define blockIdx host::block
#define blockDim host::threads
#define __syncthreads() host::barrier(__LINE__)
#define SHARED_ARENA(name) \
  unsigned char* name = reinterpret_cast<unsigned char*>(host::arena.data())

using std::fmax;
using std::min;

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}

inline void sincospi(double x, double* sine, double* cosine) {
  *sine = std::sin(M_PI * x);
  *cosine = std::cos(M_PI * x);
}

// grid (x, y, z), threads, bytes of shared memory, order of the threads; 1 if there is no such
// kernel, 2 if threads of a block came to different barriers. All else is hidden: two libraries of
// one process would share their kernels.
extern "C" __attribute__((visibility("default"))) int launch(const char* name, const unsigned* grid, unsigned size, size_t shared,
                      int order, void** args) {
  const auto found = host::kernels().find(name);
  if (found == host::kernels().end()) return 1;
  host::order = order;
  host::divergent = false;
  host::threads = host::Index{size, 1, 1};
  host::blocks = host::Index{grid[0], grid[1], grid[2]};
  for (unsigned z = 0; z < grid[2]; ++z)
    for (unsigned y = 0; y < grid[1]; ++y)
      for (unsigned x = 0; x < grid[0]; ++x) {
        host::block = host::Index{x, y, z};
        // Of what it finds there a kernel may not make use.
        host::arena.assign(shared / sizeof(double) + 1, NAN);
        host::body = [&] { found->second(args); };
        host::run_block(size);
      }
  return host::divergent ? 2 : 0;
}
