// What all kernels share: one thread block has one replicate.
//
// A replicate's data set is an array of n rows, `pitch` numbers each: the memory Gram matrix E Eᵀ,
// the two columns of U behind it, zeros up to a multiple of 32 bytes. So one product with the dual
// weights gives E Eᵀα and Uᵀα, and a step needs no reduction of its own.
//
// Blocks hold no state between launches but what they write; all sums have an order that n, the
// number of methods and the precision decide: a replicate's bytes do not depend on the batch that it
// is in.
#pragma once

#ifndef SHARED_ARENA
#define SHARED_ARENA(name) extern __shared__ __align__(16) unsigned char name[]
#endif

template <typename T>
struct alignas(16) Wide {
  static constexpr int lanes = 16 / sizeof(T);
  T lane[lanes];
};

// Rows whose products are added up in the matrix's own precision, before they join a double.
constexpr int RUN = 128;

// Where a block finds what it works on; `red` has a place for each thread.
template <typename T>
struct Room {
  double* red;
  T* tile;
  double* partial;
  const T* matrix;
};

struct Shape {
  int n, pitch, segments, tile_rows;
};

// The sum of every thread's value, or the largest, for all of them; added in a fixed order.
template <bool Largest>
__device__ double reduced(double value, double* red) {
  const int thread = threadIdx.x, threads = blockDim.x;
  red[thread] = value;
  __syncthreads();
  int width = 1;
  while (2 * width < threads) width *= 2;
  for (; width > 0; width /= 2) {
    if (thread < width && thread + width < threads) {
      const double other = red[thread + width];
      red[thread] = Largest ? fmax(red[thread], other) : red[thread] + other;
    }
    __syncthreads();
  }
  const double found = red[0];
  __syncthreads();
  return found;
}

__device__ inline double total(double value, double* red) { return reduced<false>(value, red); }
__device__ inline double largest(double value, double* red) { return reduced<true>(value, red); }

// Divides the arena, and brings the matrix in if it stays. `spill` is this block's part of global
// memory, for the partial sums where `partial_inside` is 0.
template <typename T, int K, bool Resident>
__device__ Room<T> arrange(unsigned char* arena, Shape shape, int partial_inside, const T* matrix,
                           double* spill) {
  Room<T> room;
  room.red = reinterpret_cast<double*>(arena);
  room.tile = reinterpret_cast<T*>(room.red + (blockDim.x + 1) / 2 * 2);
  const size_t tile_bytes = (size_t(K) * shape.tile_rows * sizeof(T) + 15) / 16 * 16;
  unsigned char* next = reinterpret_cast<unsigned char*>(room.tile) + tile_bytes;
  room.partial = spill;
  if (partial_inside) {
    room.partial = reinterpret_cast<double*>(next);
    next += size_t(shape.segments) * K * shape.pitch * sizeof(double);
  }
  room.matrix = matrix;
  if (Resident) {
    Wide<T>* inside = reinterpret_cast<Wide<T>*>(next);
    const Wide<T>* outside = reinterpret_cast<const Wide<T>*>(matrix);
    const int size = shape.n * (shape.pitch / Wide<T>::lanes);
    for (int i = threadIdx.x; i < size; i += blockDim.x) inside[i] = outside[i];
    room.matrix = reinterpret_cast<const T*>(inside);
    __syncthreads();
  }
  return room;
}

// partial[s][k] (pitch) = what the rows of segment s add to x[k]ᵀ·[E Eᵀ, U]; x is (K, n).
//
// A thread has 16 bytes of a row, and goes down the rows of its segment.
template <typename T, int K>
__device__ void multiply(Room<T> room, Shape shape, const double* x) {
  constexpr int lanes = Wide<T>::lanes;
  const int groups = shape.pitch / lanes;
  for (int top = 0; top < shape.n; top += shape.tile_rows) {
    const int rows = min(shape.tile_rows, shape.n - top);
    for (int j = threadIdx.x; j < K * rows; j += blockDim.x)
      room.tile[(j % rows) * K + j / rows] = T(x[size_t(j / rows) * shape.n + top + j % rows]);
    __syncthreads();
    for (int unit = threadIdx.x; unit < groups * shape.segments; unit += blockDim.x) {
      const int group = unit % groups, segment = unit / groups;
      const int last = rows * (segment + 1) / shape.segments;
      const T* column = room.matrix + size_t(top) * shape.pitch + group * lanes;
      double sum[K][lanes] = {};
      for (int first = rows * segment / shape.segments; first < last; first += RUN) {
        const int stop = min(first + RUN, last);
        T run[K][lanes] = {};
#pragma unroll 8
        for (int i = first; i < stop; ++i) {
          const Wide<T> part =
              *reinterpret_cast<const Wide<T>*>(column + size_t(i) * shape.pitch);
#pragma unroll
          for (int k = 0; k < K; ++k) {
            const T factor = room.tile[i * K + k];
#pragma unroll
            for (int v = 0; v < lanes; ++v) run[k][v] += part.lane[v] * factor;
          }
        }
#pragma unroll
        for (int k = 0; k < K; ++k)
#pragma unroll
          for (int v = 0; v < lanes; ++v) sum[k][v] += double(run[k][v]);
      }
      double* target = room.partial + size_t(segment) * K * shape.pitch + group * lanes;
#pragma unroll
      for (int k = 0; k < K; ++k)
#pragma unroll
        for (int v = 0; v < lanes; ++v) {
          double* place = target + size_t(k) * shape.pitch + v;
          *place = top > 0 ? *place + sum[k][v] : sum[k][v];
        }
    }
    __syncthreads();
  }
}

// One number of the product that `multiply` left.
template <typename T, int K>
__device__ double gathered(Room<T> room, Shape shape, int k, int column) {
  double sum = 0;
  for (int s = 0; s < shape.segments; ++s)
    sum += room.partial[(size_t(s) * K + k) * shape.pitch + column];
  return sum;
}

// What belongs to the examples. data: core, spurious, margins of w(0), the memory part's share of
// them, 1 for the majority's members, (5, n). methods: shift, scale, weight, rate, (4, K, n).
struct Problem {
  const double* data;
  const double* methods;
  double square;
};

// margin of example i under method k, from the product; h is its memory part.
template <typename T, int K>
__device__ double margin(Room<T> room, Shape shape, Problem problem, int k, int i, double* h) {
  const double core = gathered<T, K>(room, shape, k, shape.n);
  const double spurious = gathered<T, K>(room, shape, k, shape.n + 1);
  *h = gathered<T, K>(room, shape, k, i);
  const double* data = problem.data;
  return data[2 * shape.n + i] + (data[i] * core + data[shape.n + i] * spurious) + *h;
}

// rate·sigmoid(−Δm − s).
template <int K>
__device__ double push(Shape shape, Problem problem, int k, int i, double margin) {
  const double* method = problem.methods + size_t(k) * shape.n + i;
  const size_t next = size_t(K) * shape.n;
  return method[3 * next] / (1 + exp(method[next] * margin + method[0]));
}

// What is recorded of dual weights whose product is in `partial`: out (K, 6) has core, spurious,
// memory, loss, train accuracies of majority and minority; dual_out and margins_out (K, n) or null.
template <typename T, int K>
__device__ __noinline__ void measure(Room<T> room, Shape shape, Problem problem, const double* dual,
                        double* out, double* dual_out, double* margins_out) {
  const int n = shape.n;
  const double* data = problem.data;
  const size_t next = size_t(K) * n;
  double members = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) members += data[4 * n + i];
  members = total(members, room.red);
  for (int k = 0; k < K; ++k) {
    double core = 0, spurious = 0, square = 0, loss = 0, right = 0, right_majority = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      const size_t here = size_t(k) * n + i;
      const double alpha = dual[here];
      double h;
      const double m = margin<T, K>(room, shape, problem, k, i, &h);
      const double logit = problem.methods[next + here] * m + problem.methods[here];
      core += alpha * data[i];
      spurious += alpha * data[n + i];
      square += alpha * (h + 2 * data[3 * n + i]);
      loss += problem.methods[2 * next + here] * (fmax(-logit, 0.0) + log1p(exp(-fabs(logit))));
      right += m > 0 ? 1.0 : 0.0;
      right_majority += m > 0 ? data[4 * n + i] : 0.0;
      if (dual_out) dual_out[here] = alpha;
      if (margins_out) margins_out[here] = m;
    }
    core = total(core, room.red);
    spurious = total(spurious, room.red);
    square = total(square, room.red);
    loss = total(loss, room.red);
    right = total(right, room.red);
    right_majority = total(right_majority, room.red);
    if (threadIdx.x == 0) {
      double* value = out + 6 * k;
      value[0] = core;
      value[1] = spurious;
      value[2] = sqrt(fmax(problem.square + square, 0.0));
      value[3] = loss / n;
      value[4] = members > 0 ? right_majority / members : 1.0;
      value[5] = members < n ? (right - right_majority) / (n - members) : 1.0;
    }
  }
}

// The same as a row of out (rows, K, 6), and of dual_out and margins_out (rows, K, n).
template <typename T, int K>
__device__ void record_row(Room<T> room, Shape shape, Problem problem, const double* dual,
                           size_t row, double* out, double* dual_out, double* margins_out) {
  const size_t first = row * (size_t(K) * shape.n);
  measure<T, K>(room, shape, problem, dual, out + row * K * 6,
                dual_out ? dual_out + first : nullptr,
                margins_out ? margins_out + first : nullptr);
}
