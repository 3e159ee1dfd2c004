// Gradient flow in log time, τ = log(first + t), by an explicit Runge–Kutta method of order 8 with
// an embedded error estimate of orders 5 and 3 (Dormand & Prince; Hairer, Nørsett & Wanner 1993).
//
// One block has one replicate and chooses its own steps; each recorded time is the end of a step.
// status: 0 done, 1 more products than `most` (the replicate is stiff), 2 the steps became too
// small. stages: y, its successor and 13 slopes, (15, K, n) for each replicate. coefficients: A
// (12, 12), B (12), C (12), E3 (13), E5 (13).
#include "common.cuh"

constexpr int STAGES = 12;

// slope = e^τ·rate·sigmoid(−Δm − s) of the dual weights x.
template <typename T, int K>
__device__ void speed(Room<T> room, Shape shape, Problem problem, double log_time, const double* x,
                      double* slope) {
  multiply<T, K>(room, shape, x);
  const double factor = exp(log_time);
  for (int j = threadIdx.x; j < K * shape.n; j += blockDim.x) {
    const int k = j / shape.n, i = j % shape.n;
    double h;
    const double m = margin<T, K>(room, shape, problem, k, i, &h);
    slope[j] = factor * push<K>(shape, problem, k, i, m);
  }
  // Each thread reads back, of all slopes, what it has written itself; `multiply` waits for others.
}

// Σ weights[l]·slopes[l][j] over the first `count` slopes.
__device__ inline double combined(const double* weights, int count, const double* slopes,
                                  size_t size, int j) {
  double sum = 0;
  for (int l = 0; l < count; ++l) {
    const double weight = weights[l];
    if (weight != 0) sum += weight * slopes[l * size + j];
  }
  return sum;
}

// Where log time begins: the time in which the fastest margin moves by one.
template <typename T, int K>
__device__ __noinline__ double first_time(Room<T> room, Shape shape, Problem problem) {
  const size_t next = size_t(K) * shape.n;
  multiply<T, K>(room, shape, problem.methods + 3 * next);
  double fastest = 1e-12;
  for (int j = threadIdx.x; j < K * shape.n; j += blockDim.x) {
    const int k = j / shape.n, i = j % shape.n;
    double h;
    const double moved = margin<T, K>(room, shape, problem, k, i, &h) - problem.data[2 * shape.n + i];
    fastest = fmax(fastest, fabs(problem.methods[next + j] * moved));
  }
  return 1 / largest(fastest, room.red);
}

template <typename T, int K, bool Resident>
__global__ void __launch_bounds__(512, 1) flow(int n, int pitch, int segments, int tile_rows, int partial_inside,
                     const T* matrices, const double* data, const double* methods,
                     const double* squares, const double* coefficients, const double* times,
                     int records, double tolerance, int most, double* stages, double* spill,
                     double* out, double* dual_out, double* margins_out, int* status) {
  SHARED_ARENA(arena);
  const Shape shape{n, pitch, segments, tile_rows};
  const size_t b = blockIdx.x, examples = size_t(K) * n;
  const int numbers = K * n;
  const Problem problem{data + b * 5 * n, methods + b * 4 * examples, squares[b]};
  Room<T> room = arrange<T, K, Resident>(arena, shape, partial_inside,
                                         matrices + b * n * pitch,
                                         spill + b * segments * K * pitch);
  const double* A = coefficients;
  const double* B = A + STAGES * STAGES;
  const double* C = B + STAGES;
  const double* E3 = C + STAGES;
  const double* E5 = E3 + STAGES + 1;
  double* y = stages + b * (STAGES + 3) * examples;
  double* moved = y + examples;
  double* slopes = moved + examples;
  for (int j = threadIdx.x; j < numbers; j += blockDim.x) y[j] = 0;
  __syncthreads();
  const double first = first_time<T, K>(room, shape, problem);
  double fastest = 0;
  for (int j = threadIdx.x; j < numbers; j += blockDim.x)
    fastest = fmax(fastest, problem.methods[3 * examples + j]);
  const double least = fmax(1e-3 * tolerance * first * largest(fastest, room.red), 1e-300);
  double log_time = log(first);
  speed<T, K>(room, shape, problem, log_time, y, slopes);
  int record = 0, products = 1;
  if (threadIdx.x == 0) status[b] = 0;
  while (record < records && times[record] == 0) {
    record_row<T, K>(room, shape, problem, y, b * records + record, out, dual_out, margins_out);
    ++record;
  }
  double step = 0.01;
  bool rejected = false;
  while (record < records) {
    const double target = log(first + times[record]), left = target - log_time;
    const bool lands = step >= 0.999999 * left;
    const double width = lands ? left : step;
    for (int s = 1; s <= STAGES; ++s) {
      const double* weights = s < STAGES ? A + s * STAGES : B;
      for (int j = threadIdx.x; j < numbers; j += blockDim.x)
        moved[j] = y[j] + width * combined(weights, s, slopes, examples, j);
      __syncthreads();
      const double there = s < STAGES ? log_time + C[s] * width : log_time + width;
      speed<T, K>(room, shape, problem, there, moved, slopes + s * examples);
    }
    products += STAGES;
    double third = 0, fifth = 0;
    for (int j = threadIdx.x; j < numbers; j += blockDim.x) {
      const double size = least + tolerance * fmax(fabs(y[j]), fabs(moved[j]));
      const double e3 = combined(E3, STAGES + 1, slopes, examples, j) / size;
      const double e5 = combined(E5, STAGES + 1, slopes, examples, j) / size;
      third += e3 * e3;
      fifth += e5 * e5;
    }
    third = total(third, room.red);
    fifth = total(fifth, room.red);
    const double both = fifth + 0.01 * third;
    // Where nothing moves there is no error; what is no number is no small error.
    const double error = both == 0 ? 0.0 : width * fifth / sqrt(both * numbers);
    double factor = error > 0 ? 0.9 * pow(error, -0.125) : 10.0;
    if (!(error < 1)) {
      step = width * fmax(0.2, error > 0 ? factor : 0.2);
      rejected = true;
      if (step < 1e-12) {
        if (threadIdx.x == 0) status[b] = 2;
        return;
      }
    } else {
      factor = fmin(rejected ? 1.0 : 10.0, factor);
      step = lands ? fmax(step, width * factor) : width * factor;
      rejected = false;
      log_time = lands ? target : log_time + width;
      for (int j = threadIdx.x; j < numbers; j += blockDim.x) {
        y[j] = moved[j];
        slopes[j] = slopes[STAGES * examples + j];
      }
      __syncthreads();
      if (lands) {
        record_row<T, K>(room, shape, problem, y, b * records + record, out, dual_out,
                         margins_out);
        ++record;
      }
    }
    if (products > most && record < records) {
      if (threadIdx.x == 0) status[b] = 1;
      return;
    }
  }
}
