//! Products of one row of bytes with many.

/// The sum of products of `query` with each row of `rows`, which lie one after the other.
pub(super) fn dots_i8(query: &[i8], rows: &[i8], sums: &mut [i32]) {
    for (row, sum) in rows.chunks_exact(query.len().max(1)).zip(sums) {
        *sum = query.iter().zip(row).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    }
}
