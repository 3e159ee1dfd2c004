// Hard max margin by block principal pivoting (Júdice & Pires 1994): min ½αᵀGα − Σα, α ≥ 0, for
// examples scaled to the margin 1, G = E Eᵀ + U Uᵀ.
//
// One block of 256 threads has one replicate: it solves Gα = 1 on a support by a blocked Cholesky
// factorisation in global memory, exchanges every wrong example, and begins again. It gives up
// where a support depends on its examples, or six exchanges in a row leave no fewer wrong: the
// caller has slower ways. status: 0 done, 1 dependent, 2 no support was found (or it was empty, or
// `most` turns were not enough).
#include "common.cuh"
#include "tiles.cuh"

constexpr double DEPENDENT = 1e-11;
constexpr int PATIENCE = 5, REFINEMENTS = 4;

struct Examples {
  const double* matrix;
  const double* plane;
  const double* scale;
  int n, pitch;
};

__device__ inline double entry(Examples examples, int i, int j) {
  const double* plane = examples.plane;
  const int n = examples.n;
  const double inner = plane[i] * plane[j] + plane[n + i] * plane[n + j];
  return examples.scale[i] * examples.scale[j] *
         (examples.matrix[size_t(i) * examples.pitch + j] + inner);
}

// The lower Cholesky factor of G on the support, (size, size); whether its examples are
// independent.
__device__ inline bool factorise(Examples examples, const int* support, int size, double* factor,
                                 double (*tile)[TILE + 1], double (*corner)[TILE + 1],
                                 int* failed) {
  const int x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
  if (threadIdx.x == 0) *failed = 0;
  for (int left = 0; left < size; left += TILE) {
    const int columns = min(TILE, size - left);
    for (int top = left; top < size; top += TILE) {
      double sum[4][4] = {};
      tile_product(factor, size, size, top, left, left, sum);
      for (int r = 0; r < 4; ++r)
        for (int c = 0; c < 4; ++c) {
          const int i = top + y + SIDE * r, j = left + x + SIDE * c;
          tile[y + SIDE * r][x + SIDE * c] =
              i < size && j < size ? entry(examples, support[i], support[j]) - sum[r][c] : 0.0;
        }
      __syncthreads();
      if (top == left) {
        for (int j = 0; j < columns; ++j) {
          if (threadIdx.x == 0) {
            const double pivot = tile[j][j];
            // Also where it is no number.
            if (!(pivot > DEPENDENT * entry(examples, support[left + j], support[left + j])))
              *failed = 1;
            tile[j][j] = sqrt(pivot);
          }
          __syncthreads();
          if (*failed) return false;
          for (int r = j + 1 + threadIdx.x; r < columns; r += THREADS) tile[r][j] /= tile[j][j];
          __syncthreads();
          for (int r = j + 1 + y; r < columns; r += SIDE)
            for (int c = j + 1 + x; c <= r; c += SIDE) tile[r][c] -= tile[r][j] * tile[c][j];
          __syncthreads();
        }
        for (int j = threadIdx.x; j < TILE * TILE; j += THREADS)
          corner[j / TILE][j % TILE] = tile[j / TILE][j % TILE];
      } else if (threadIdx.x < TILE) {
        double* row = tile[threadIdx.x];
        for (int c = 0; c < columns; ++c) {
          double value = row[c];
          for (int l = 0; l < c; ++l) value -= row[l] * corner[c][l];
          row[c] = value / corner[c][c];
        }
      }
      __syncthreads();
      for (int j = threadIdx.x; j < TILE * TILE; j += THREADS) {
        const int r = j / TILE, c = j % TILE;
        if (top + r < size && c < columns)
          factor[size_t(top + r) * size + left + c] = tile[r][c];
      }
      __syncthreads();
    }
  }
  return true;
}

// x ← (L Lᵀ)⁻¹x in place.
__device__ inline void solve(const double* factor, int size, double* x) {
  for (int left = 0; left < size; left += TILE) {
    const int columns = min(TILE, size - left);
    for (int c = 0; c < columns; ++c) {
      const int j = left + c;
      if (threadIdx.x == 0) x[j] /= factor[size_t(j) * size + j];
      __syncthreads();
      for (int i = j + 1 + threadIdx.x; i < left + columns; i += THREADS)
        x[i] -= factor[size_t(i) * size + j] * x[j];
      __syncthreads();
    }
    for (int i = left + columns + threadIdx.x; i < size; i += THREADS) {
      double value = x[i];
      for (int c = 0; c < columns; ++c) value -= factor[size_t(i) * size + left + c] * x[left + c];
      x[i] = value;
    }
    __syncthreads();
  }
  for (int left = (size - 1) / TILE * TILE; left >= 0; left -= TILE) {
    const int columns = min(TILE, size - left);
    for (int c = columns - 1; c >= 0; --c) {
      const int j = left + c;
      if (threadIdx.x == 0) x[j] /= factor[size_t(j) * size + j];
      __syncthreads();
      for (int i = left + threadIdx.x; i < j; i += THREADS)
        x[i] -= factor[size_t(j) * size + i] * x[j];
      __syncthreads();
    }
    for (int i = threadIdx.x; i < left; i += THREADS) {
      double value = x[i];
      for (int c = 0; c < columns; ++c)
        value -= factor[size_t(left + c) * size + i] * x[left + c];
      x[i] = value;
    }
    __syncthreads();
  }
}

// margins (n) of the scaled dual weights, and the memory part h of their product.
__device__ inline void product(Examples examples, const double* dual, double* margins, double* h,
                               double* red) {
  const int n = examples.n;
  double core = 0, spurious = 0;
  for (int i = threadIdx.x; i < n; i += THREADS) {
    core += examples.scale[i] * dual[i] * examples.plane[i];
    spurious += examples.scale[i] * dual[i] * examples.plane[n + i];
  }
  core = total(core, red);
  spurious = total(spurious, red);
  for (int j = threadIdx.x; j < n; j += THREADS) {
    double sum = 0;
    // By columns, which are the rows of a symmetric matrix: neighbours read neighbours.
    for (int i = 0; i < n; ++i)
      if (dual[i] != 0)
        sum += examples.matrix[size_t(i) * examples.pitch + j] * (examples.scale[i] * dual[i]);
    h[j] = sum;
    const double* plane = examples.plane;
    margins[j] = examples.scale[j] * (sum + core * plane[j] + spurious * plane[n + j]);
  }
  __syncthreads();
}

// kept (B, n): 1 for the examples that count. Out: duals and margins (B, n), of examples scaled to
// the margin 1; found (B, 4): core, spurious, ‖w_ε‖², share of support vectors. factors (B, n, n),
// vectors (B, 3, n) and supports (B, 2, n) are room to work in.
__global__ void __launch_bounds__(256, 1) exchange(int n, int pitch, int most, const double* matrices, const double* planes,
                         const double* scales, const unsigned char* kept, double* factors,
                         double* vectors, int* supports, double* duals, double* margins,
                         double* found, int* status) {
  SHARED_ARENA(arena);
  double(*tile)[TILE + 1] = reinterpret_cast<double(*)[TILE + 1]>(arena);
  double(*corner)[TILE + 1] = tile + TILE;
  __shared__ double red[THREADS];
  __shared__ int shared_size, failed;
  const size_t b = blockIdx.x;
  const Examples examples{matrices + b * n * pitch, planes + b * 2 * n, scales + b * n, n, pitch};
  const unsigned char* counts = kept + b * n;
  double* factor = factors + b * n * n;
  double* x = vectors + b * 3 * n;
  double* h = x + n;
  double* left = h + n;
  int* support = supports + b * 2 * n;
  int* inside = support + n;
  double* dual = duals + b * n;
  double* margin = margins + b * n;
  for (int i = threadIdx.x; i < n; i += THREADS) inside[i] = counts[i];
  int fewest = n + 1, patience = PATIENCE, outcome = 2;
  for (int turn = 0; turn < most && patience >= 0; ++turn) {
    __syncthreads();
    if (threadIdx.x == 0) {
      int size = 0;
      for (int i = 0; i < n; ++i)
        if (inside[i]) support[size++] = i;
      shared_size = size;
    }
    __syncthreads();
    const int size = shared_size;
    if (size == 0) break;
    if (!factorise(examples, support, size, factor, tile, corner, &failed)) {
      outcome = 1;
      break;
    }
    for (int i = threadIdx.x; i < n; i += THREADS) {
      dual[i] = 0;
      left[i] = 1;
    }
    __syncthreads();
    // Once more than a regular system needs, for the rounding of an ill-conditioned one.
    for (int round = 0; round < REFINEMENTS; ++round) {
      for (int i = threadIdx.x; i < size; i += THREADS) x[i] = left[support[i]];
      __syncthreads();
      solve(factor, size, x);
      for (int i = threadIdx.x; i < size; i += THREADS) dual[support[i]] += x[i];
      __syncthreads();
      product(examples, dual, margin, h, red);
      double worst = 0;
      for (int i = threadIdx.x; i < n; i += THREADS) {
        left[i] = 1 - margin[i];
        if (inside[i]) worst = fmax(worst, fabs(left[i]));
      }
      if (largest(worst, red) <= 1e-13) break;
    }
    double wrong = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) {
      const bool out = inside[i] ? dual[i] < 0 : counts[i] && margin[i] < 1 - 1e-13;
      if (out) {
        wrong += 1;
        inside[i] = !inside[i];
      }
    }
    const int count = int(total(wrong, red));
    if (count == 0) {
      outcome = 0;
      break;
    }
    patience = count < fewest ? PATIENCE : patience - 1;
    fewest = min(count, fewest);
  }
  double core = 0, spurious = 0, square = 0, positive = 0;
  for (int i = threadIdx.x; i < n && outcome == 0; i += THREADS) {
    const double alpha = examples.scale[i] * dual[i];
    dual[i] = alpha;
    margin[i] /= examples.scale[i];
    core += alpha * examples.plane[i];
    spurious += alpha * examples.plane[n + i];
    square += alpha * h[i];
    positive += alpha > 0;
  }
  core = total(core, red);
  spurious = total(spurious, red);
  square = total(square, red);
  positive = total(positive, red);
  if (threadIdx.x == 0) {
    found[4 * b] = core;
    found[4 * b + 1] = spurious;
    found[4 * b + 2] = square;
    found[4 * b + 3] = positive / n;
    status[b] = outcome;
  }
}
