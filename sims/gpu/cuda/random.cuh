// Random numbers by counter: Philox 4×64-10 (Salmon et al. 2011), the one that NumPy has.
//
// A replicate has a key, and each of its numbers a counter: none depends on who draws it, or when.
#pragma once

typedef unsigned long long Word;

struct Words {
  Word word[4];
};

__device__ inline Words philox(Word c0, Word c1, Word c2, Word c3, Word k0, Word k1) {
  for (int round = 0; round < 10; ++round) {
    const Word low0 = 0xD2E7470EE14C6C93ULL * c0, high0 = __umul64hi(0xD2E7470EE14C6C93ULL, c0);
    const Word low1 = 0xCA5A826395121157ULL * c2, high1 = __umul64hi(0xCA5A826395121157ULL, c2);
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B97F4A7C15ULL;
    k1 += 0xBB67AE8584CAA73BULL;
  }
  return Words{{c0, c1, c2, c3}};
}

// In (0, 1]: never 0, whose logarithm there is none of.
__device__ inline double uniform(Word word) {
  return (double(word >> 11) + 0.5) * 1.1102230246251565e-16;
}

// Two normals of two words (Box & Muller).
__device__ inline void normals(Word first, Word second, double* one, double* other) {
  const double length = sqrt(-2 * log(uniform(first)));
  double sine, cosine;
  sincospi(2 * uniform(second), &sine, &cosine);
  *one = length * cosine;
  *other = length * sine;
}

// χ of so many degrees of freedom, by Marsaglia & Tsang's (2000) gamma of shape degrees/2.
__device__ inline double chi(double degrees, Word position, Word purpose, Word k0, Word k1) {
  const double shape = degrees / 2 - 1.0 / 3, slope = 1 / sqrt(9 * shape);
  for (Word attempt = 0;; ++attempt) {
    const Words words = philox(position, attempt, purpose, 0, k0, k1);
    double normal, unused;
    normals(words.word[0], words.word[1], &normal, &unused);
    if (degrees < 2) return fabs(normal);
    const double away = slope * normal;
    if (away <= -1) continue;
    const double cube = (1 + away) * (1 + away) * (1 + away);
    // shape·(1 − v + log v) of v = (1 + away)³, without the parts that cancel.
    const double rest = shape * (3 * (log1p(away) - away) - away * away * (3 + away));
    if (log(uniform(words.word[2])) < normal * normal / 2 + rest) return sqrt(2 * shape * cube);
  }
}
