// Products of 64 × 64 tiles by a block of 256 threads, each with 4 × 4 of the result.
#pragma once

constexpr int TILE = 64, DEPTH = 16, SIDE = 16, THREADS = SIDE * SIDE;

// sum[r][c] += Σ_{k < depth} A[top + y + 16r][k]·A[left + x + 16c][k], of an A (rows, pitch).
__device__ inline void tile_product(const double* A, int rows, int pitch, int top, int left,
                                    int depth, double sum[4][4]) {
  __shared__ double upper[DEPTH][TILE + 1], lower[DEPTH][TILE + 1];
  const int x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
  for (int first = 0; first < depth; first += DEPTH) {
    for (int j = threadIdx.x; j < TILE * DEPTH; j += THREADS) {
      const int k = j % DEPTH, r = j / DEPTH;
      const bool inside = first + k < depth;
      upper[k][r] = inside && top + r < rows ? A[size_t(top + r) * pitch + first + k] : 0.0;
      lower[k][r] = inside && left + r < rows ? A[size_t(left + r) * pitch + first + k] : 0.0;
    }
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < DEPTH; ++k) {
      double one[4], other[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        one[i] = upper[k][y + SIDE * i];
        other[i] = lower[k][x + SIDE * i];
      }
#pragma unroll
      for (int r = 0; r < 4; ++r)
#pragma unroll
        for (int c = 0; c < 4; ++c) sum[r][c] += one[r] * other[c];
    }
    __syncthreads();
  }
}
