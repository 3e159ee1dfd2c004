// Draws of the model: the folded plane features, the Bartlett factor L of E Eᵀ, and L Lᵀ in the
// layout of common.cuh.
#include "common.cuh"
#include "random.cuh"
#include "tiles.cuh"

// What a counter's third word says the number is for.
constexpr Word PLANE = 0, MEMORY = 1, LENGTHS = 2;

// U: means + normals·deviations, planes (B, 2, n); means (B, 2, n), deviations (B, 2).
__global__ void draw_plane(int n, const Word* keys, const double* means, const double* deviations,
                           double* planes) {
  const size_t b = blockIdx.y;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const Words words = philox(i, 0, PLANE, 0, keys[2 * b], keys[2 * b + 1]);
  double core, spurious;
  normals(words.word[0], words.word[1], &core, &spurious);
  const double* mean = means + b * 2 * n;
  planes[b * 2 * n + i] = mean[i] + core * deviations[2 * b];
  planes[b * 2 * n + n + i] = mean[n + i] + spurious * deviations[2 * b + 1];
}

// N(0, 1) of columns 4·quad … 4·quad + 3 of a row.
__device__ inline void four_normals(Word row, Word quad, Word k0, Word k1, double found[4]) {
  const Words words = philox(quad, row, MEMORY, 0, k0, k1);
  normals(words.word[0], words.word[1], &found[0], &found[1]);
  normals(words.word[2], words.word[3], &found[2], &found[3]);
}

// σ·N(0, 1), rows of `width` numbers from column `first` of the replicate's d; four by four.
// Triangle: below the diagonal only, zeros above; the diagonal is of draw_lengths.
__global__ void draw_memory(int n, int width, long long first, int triangle, const Word* keys,
                            const double* sigmas, double* factors) {
  const size_t b = blockIdx.z;
  const int i = blockIdx.y, j = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (j >= width) return;
  double four[4];
  four_normals(i, Word(first + j) / 4, keys[2 * b], keys[2 * b + 1], four);
  double* row = factors + (b * n + i) * width;
  for (int v = 0; v < 4 && j + v < width; ++v)
    row[j + v] = triangle && j + v >= i ? 0.0 : sigmas[b] * four[v];
}

// L_ii = σ·χ_{d−i}, i < width.
__global__ void draw_lengths(int n, int width, const double* dimensions, const Word* keys,
                             const double* sigmas, double* factors) {
  const size_t b = blockIdx.y;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= width) return;
  factors[(b * n + i) * width + i] =
      sigmas[b] * chi(dimensions[b] - i, i, LENGTHS, keys[2 * b], keys[2 * b + 1]);
}

// matrices (B, n, pitch) = [L Lᵀ, U, 0] of L (n, width); a block has one tile of the lower triangle
// and its mirror image. Added to what is there if `add`, for features that come in parts.
__global__ void __launch_bounds__(256, 2) square(int n, int width, int pitch, int triangle, int add, const double* factors,
                       const double* planes, double* matrices) {
  const size_t b = blockIdx.y;
  int down = 0, across = blockIdx.x;
  while (across > down) across -= ++down;
  const int top = TILE * down, left = TILE * across;
  double sum[4][4] = {};
  const int depth = triangle ? min(width, left + TILE) : width;
  tile_product(factors + b * n * width, n, width, top, left, depth, sum);
  double* matrix = matrices + b * n * pitch;
  const int x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 4; ++c) {
      const int i = top + y + SIDE * r, j = left + x + SIDE * c;
      if (i >= n || j > i) continue;
      double value = sum[r][c];
      if (add) value += matrix[size_t(i) * pitch + j];
      matrix[size_t(i) * pitch + j] = value;
      matrix[size_t(j) * pitch + i] = value;
    }
  if (across == 0) {
    const double* plane = planes + b * 2 * n;
    for (int j = threadIdx.x; j < TILE * (pitch - n); j += THREADS) {
      const int i = top + j / (pitch - n), column = j % (pitch - n);
      if (i < n) matrix[size_t(i) * pitch + n + column] = column < 2 ? plane[column * n + i] : 0.0;
    }
  }
}
