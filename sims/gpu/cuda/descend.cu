// Full-batch gradient descent in dual form: α ← α + rate·sigmoid(−Δm − s), m = Z·w(0) + Gα.
//
// One block trains one replicate from step `first` to step `stop`, all K methods on each product.
// Resident: the data set stays in shared memory. Otherwise each product reads it from global
// memory, and as many blocks as there are multiprocessors together use the whole bandwidth.
#include "common.cuh"

template <typename T, int K, bool Resident>
__global__ void __launch_bounds__(512, 1) descend(int n, int pitch, int segments, int tile_rows, int partial_inside,
                        const T* matrices, const double* data, const double* methods,
                        const double* squares, const long long* recorded, int records,
                        long long first, long long stop, double* duals, double* spill, double* out,
                        double* dual_out, double* margins_out) {
  SHARED_ARENA(arena);
  const Shape shape{n, pitch, segments, tile_rows};
  const size_t b = blockIdx.x, examples = size_t(K) * n;
  const Problem problem{data + b * 5 * n, methods + b * 4 * examples, squares[b]};
  Room<T> room = arrange<T, K, Resident>(arena, shape, partial_inside,
                                         matrices + b * n * pitch,
                                         spill + b * segments * K * pitch);
  double* dual = duals + b * examples;
  int record = 0;
  while (record < records && recorded[record] < first) ++record;
  for (long long step = first; step < stop; ++step) {
    multiply<T, K>(room, shape, dual);
    if (record < records && recorded[record] == step) {
      record_row<T, K>(room, shape, problem, dual, b * records + record, out, dual_out,
                       margins_out);
      ++record;
    }
    for (int j = threadIdx.x; j < K * n; j += blockDim.x) {
      const int k = j / n, i = j % n;
      double h;
      const double m = margin<T, K>(room, shape, problem, k, i, &h);
      dual[j] += push<K>(shape, problem, k, i, m);
    }
    __syncthreads();
  }
}
