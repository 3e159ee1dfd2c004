"""Training at finite d/n, without data: dynamical mean-field theory (P12).

For n, d → ∞ at fixed δ = d/n and κ = σ²d/n the examples become independent copies of one random
process, the *site*: plane features u, and a Gaussian process ζ that stands for what all others have
written into the memory features. With r = qΔ·sigmoid(−Δm − s) P12 reads

    m = u·v + ζ + κ ∫ A(t, t′) r(t′) dt′,    v̇ = E[r u],    Cov ζ = (κ/δ)·C,
    C(t, t′) = κ E[I(t) I(t′)],  I(t) = ∫ A(t, t′) r(t′) dt′,    ‖w_ε‖² = C(t, t),
    ∂A/∂t = (κ/δ) ∫ B(t, t″) A(t″, t′) dt″,    A(t, t) = 1,    B(t, t′) = E[∂r(t)/∂ζ(t′)].

The kernels A, B and C need not be kept. Let x = √κ·I, a function on the sites: then ‖w_ε‖² = E[x²],
and ζ = σ·T x, where the random isometry T takes an orthonormal basis ψ₁, ψ₂, … of what x has been
so far to independent normals ξ₁, ξ₂, …: T x = Σ_j E[x ψ_j] ξ_j has the covariance of C. Stein's
lemma, E[r ξ_j] = Σ_t′ B(t, t′)·∂ζ(t′)/∂ξ_j, turns the equation of A into one of x:

    m = u·v + √κ x + σ T x,    v̇ = E[r u] − λv,    ẋ = √κ r + σ T*r − λx,    T*r = Σ_j ψ_j E[r ξ_j].

It is gradient flow again, with σT + √κ in the place of the matrix E of memory features. The basis
grows with x, by Gram–Schmidt: a few dozen functions reach from t = 0 to 10¹². A random start of the
memory weights is one more ψ, orthogonal to all sites. Expectations are means over sites, as many
for each cell: scrambled Sobol points in the noise of u and the first ξ, made exactly uncorrelated.
Independent sets of them give a standard error.
"""

from .result import MeanField
from .training import descent, flow

__all__ = ["MeanField", "descent", "flow"]
