//! Principal components of a cloud of points: its mean, and the directions in which it spreads most.

/// A cloud's own axes.
#[derive(Debug)]
pub(super) struct Axes {
    mean: Vec<f64>,
    /// The widest first; each of length 1 unless the cloud is flat there.
    axes: Vec<Axis>,
}

#[derive(Debug)]
struct Axis {
    direction: Vec<f64>,
    variance: f64,
}

/// Rounds of rotations. A covariance of a few hundred rows is diagonal to the last bit after about ten.
const ROUNDS_MAX: usize = 40;
/// Two rows whose cosine is below this count as orthogonal.
const ORTHOGONAL: f64 = 1e-12;

impl Axes {
    /// The axes of points with their weights; all points have `width` components. Sums are taken in order: the same points
    /// give the same bits.
    pub(super) fn of<'a>(
        width: usize,
        points: impl Iterator<Item = (f64, &'a [f32])> + Clone,
    ) -> Self {
        let total: f64 = points.clone().map(|(weight, _)| weight).sum();
        let mut mean = vec![0.0; width];
        for (weight, point) in points.clone() {
            for (sum, x) in mean.iter_mut().zip(point) {
                *sum += f64::from(*x) * weight / total;
            }
        }
        let mut covariance = vec![vec![0.0; width]; width];
        for (weight, point) in points {
            let centred: Vec<f64> =
                point.iter().zip(&mean).map(|(x, mean)| f64::from(*x) - mean).collect();
            for (row, x) in covariance.iter_mut().zip(&centred) {
                let scaled = x * weight / total;
                for (sum, y) in row.iter_mut().zip(&centred) {
                    *sum += scaled * y;
                }
            }
        }
        Self { mean, axes: diagonalise(covariance) }
    }

    /// A point seen along the `N` widest axes, each component divided by the fourth root of that axis's variance: halfway
    /// between leaving the spread as it is and making all axes alike.
    pub(super) fn project<const N: usize>(&self, point: &[f32]) -> [f64; N] {
        let centred: Vec<f64> =
            point.iter().zip(&self.mean).map(|(x, mean)| f64::from(*x) - mean).collect();
        let mut components = [0.0; N];
        for (component, axis) in components.iter_mut().zip(&self.axes) {
            let scale = axis.variance.sqrt().sqrt();
            *component = if scale > 0.0 { dot(&axis.direction, &centred) / scale } else { 0.0 };
        }
        components
    }
}

/// Turns pairs of rows of a symmetric matrix without negative eigenvalues until all are orthogonal (Hestenes' one-sided
/// Jacobi method). What is left are its eigenvectors, each as long as its eigenvalue: the turned matrix is `JA`, and its rows
/// are orthogonal exactly when `A J'JA = AA` is diagonal in their directions.
fn diagonalise(mut rows: Vec<Vec<f64>>) -> Vec<Axis> {
    for _ in 0..ROUNDS_MAX {
        if !turn_all(&mut rows) {
            break;
        }
    }
    let mut axes: Vec<Axis> = rows.into_iter().map(Axis::of).collect();
    axes.sort_by(|a, b| b.variance.total_cmp(&a.variance));
    axes
}

impl Axis {
    /// The sign of an eigenvector is anybody's choice; here its largest component is positive.
    fn of(mut row: Vec<f64>) -> Self {
        let variance = dot(&row, &row).sqrt();
        let largest = row.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let scale = variance.copysign(largest.unwrap_or(1.0));
        if variance > 0.0 {
            row.iter_mut().for_each(|x| *x /= scale);
        }
        Self { direction: row, variance }
    }
}

/// One turn of every pair; says whether any was needed.
fn turn_all(rows: &mut [Vec<f64>]) -> bool {
    let mut turned = false;
    for second in 1..rows.len() {
        let (before, from) = rows.split_at_mut(second);
        let Some(b) = from.first_mut() else { break };
        for a in before {
            turned |= turn(a, b);
        }
    }
    turned
}

/// Turns two rows in their plane so that they become orthogonal.
fn turn(a: &mut [f64], b: &mut [f64]) -> bool {
    let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
    if ab.abs() <= ORTHOGONAL * (aa * bb).sqrt() {
        return false;
    }
    // The smaller of the two angles whose double satisfies tan = 2ab / (aa - bb).
    let half = (bb - aa) / (2.0 * ab);
    let tangent = half.signum() / (half.abs() + half.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for (x, y) in a.iter_mut().zip(b) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
    true
}

/// In eight independent sums, so that the compiler may use vector instructions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (xs, ys) in a_chunks.zip(b_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_with_known_axes_is_recognised() {
        // Twice as far along (3, 4) as across it, around (10, 20).
        let points: Vec<[f32; 2]> = [(2.0, 1.0), (2.0, -1.0), (-2.0, 1.0), (-2.0, -1.0)]
            .map(|(along, across)| {
                [10.0 + 0.6 * along - 0.8 * across, 20.0 + 0.8 * along + 0.6 * across]
            })
            .to_vec();
        let axes = Axes::of(2, points.iter().map(|point| (3.0, point.as_slice())));
        let [wide, narrow] = axes.axes.as_slice() else { panic!("two axes") };
        assert!((wide.variance - 4.0).abs() < 1e-6 && (narrow.variance - 1.0).abs() < 1e-6);
        assert!((wide.direction[0] - 0.6).abs() < 1e-6, "{axes:?}");
        let [first, second] = axes.project::<2>(&points[1]);
        assert!((first - 2.0_f64.sqrt()).abs() < 1e-6, "2 / 4^(1/4)");
        assert!((second.abs() - 1.0).abs() < 1e-6);
        let [middle, _, none] = axes.project::<3>(&[10.0, 20.0]);
        assert!(middle.abs() < 1e-6 && none.abs() < 1e-6, "the mean, and no third axis");
    }

    #[test]
    fn a_point_without_weight_changes_nothing() {
        let points = [(1.0, [1.0_f32, 0.0]), (1.0, [-1.0, 0.0]), (0.0, [5.0, 50.0])];
        let axes = Axes::of(2, points.iter().map(|(weight, point)| (*weight, point.as_slice())));
        assert!((axes.axes[0].variance - 1.0).abs() < 1e-9);
        assert!(axes.axes[1].variance.abs() < 1e-9);
    }

    #[test]
    fn eigenvectors_of_a_larger_matrix_are_orthogonal_and_rebuild_it() {
        let width = 24;
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from(u32::try_from(state >> 40).expect("24 bits")) / 16_777_216.0 - 0.5
        };
        let points: Vec<Vec<f64>> =
            (0..20).map(|_| (0..width).map(|_| random()).collect()).collect();
        let entry = |i: usize, j: usize| points.iter().map(|p| p[i] * p[j]).sum::<f64>();
        let matrix: Vec<Vec<f64>> =
            (0..width).map(|i| (0..width).map(|j| entry(i, j)).collect()).collect();
        let axes = diagonalise(matrix.clone());
        assert!(axes.windows(2).all(|pair| pair[0].variance >= pair[1].variance));
        for (i, row) in matrix.iter().enumerate() {
            for (j, wanted) in row.iter().enumerate() {
                let terms = axes.iter().map(|a| a.variance * a.direction[i] * a.direction[j]);
                assert!((terms.sum::<f64>() - wanted).abs() < 1e-9, "{i}, {j}");
            }
        }
        for (at, a) in axes.iter().take(20).enumerate() {
            for b in axes.iter().take(at) {
                assert!(dot(&a.direction, &b.direction).abs() < 1e-9);
            }
        }
    }
}
