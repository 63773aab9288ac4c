//! Neighbours to shares. A tier's share is what its query types gather together, because the tier is what has to be right;
//! the query type is the strongest one inside the winning tier.

use std::sync::Arc;

use super::decision::Neighbour;
use crate::config::{QueryType, Vote};

/// One query type's part of the vote; all shares together are 1.
struct Share {
    query_type: Arc<QueryType>,
    share: f32,
}

/// The result of a vote.
#[derive(Debug)]
pub struct Tally {
    /// The strongest query type of the winning tier.
    pub query_type: Arc<QueryType>,
    /// The winning tier's share.
    pub confidence: f32,
    /// Its lead over the second tier.
    pub margin: f32,
}

/// Counts the votes. Nothing to count gives nothing.
///
/// A neighbour weighs `exp(sharpness * (cosine - 1))`: the weighted k-nearest-neighbour rule of Dudani (1976) with an
/// exponential kernel. Ties go to the nearer neighbour, which stands first.
#[must_use]
pub fn tally(neighbours: &[Neighbour], vote: Vote) -> Option<Tally> {
    let weight = |neighbour: &Neighbour| (vote.sharpness * (neighbour.cosine - 1.0)).exp();
    let total: f32 = neighbours.iter().map(weight).sum();
    if !total.is_normal() {
        return None;
    }
    let mut shares: Vec<Share> = Vec::new();
    for neighbour in neighbours {
        let part = weight(neighbour) / total;
        let same = |share: &&mut Share| Arc::ptr_eq(&share.query_type, &neighbour.query_type);
        match shares.iter_mut().find(same) {
            Some(share) => share.share += part,
            None => {
                shares.push(Share { query_type: Arc::clone(&neighbour.query_type), share: part });
            }
        }
    }
    // Stable, so that of equal shares the one whose neighbour is nearer stays first.
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    let (winner, confidence, margin) = winner(&shares)?;
    Some(Tally { query_type: winner, confidence, margin })
}

fn winner(shares: &[Share]) -> Option<(Arc<QueryType>, f32, f32)> {
    let mut tiers: Vec<(&Share, f32)> = Vec::new();
    for share in shares {
        let tier = &share.query_type.tier;
        match tiers.iter_mut().find(|(first, _)| Arc::ptr_eq(&first.query_type.tier, tier)) {
            Some((_, sum)) => *sum += share.share,
            None => tiers.push((share, share.share)),
        }
    }
    tiers.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (strongest, confidence) = tiers.first()?;
    let second = tiers.get(1).map_or(0.0, |(_, sum)| *sum);
    Some((Arc::clone(&strongest.query_type), *confidence, confidence - second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tier;

    fn types() -> Vec<Arc<QueryType>> {
        let new = |name: &str| Arc::new(Tier { name: name.to_owned(), targets: Vec::new() });
        let (safety, bulk) = (new("safety"), new("bulk"));
        [("medical", &safety), ("legal", &safety), ("summarize", &bulk)]
            .into_iter()
            .map(|(name, of)| {
                let tier = Arc::clone(of);
                Arc::new(QueryType { name: name.to_owned(), tier, min_confidence: 0.5 })
            })
            .collect()
    }

    fn check(votes: &[(usize, f32)], sharpness: f32, expected: (&str, f32, f32)) {
        let types = types();
        let neighbours: Vec<Neighbour> = votes
            .iter()
            .map(|(at, cosine)| Neighbour {
                row: 0,
                query_type: Arc::clone(&types[*at]),
                cosine: *cosine,
            })
            .collect();
        let tally = tally(&neighbours, Vote { neighbours: 5, sharpness }).expect("votes");
        let (name, confidence, margin) = expected;
        assert_eq!(tally.query_type.name, name);
        assert!((tally.confidence - confidence).abs() < 1e-4, "{}", tally.confidence);
        assert!((tally.margin - margin).abs() < 1e-4, "{}", tally.margin);
    }

    #[test]
    fn the_tier_wins_and_its_strongest_type_names_it() {
        check(&[(2, 0.9), (0, 0.9), (1, 0.9)], 0.0, ("medical", 2.0 / 3.0, 1.0 / 3.0));
        check(&[(1, 0.9), (1, 0.9), (0, 0.9)], 0.0, ("legal", 1.0, 1.0));
        // One very near neighbour outweighs two far ones when the kernel is sharp.
        check(&[(2, 1.0), (0, 0.5), (1, 0.5)], 10.0, ("summarize", 0.98670, 0.97341));
    }

    #[test]
    fn ties_go_to_the_nearer_neighbour() {
        check(&[(2, 0.5), (0, 0.5)], 0.0, ("summarize", 0.5, 0.0));
        check(&[(0, 0.5), (2, 0.5)], 0.0, ("medical", 0.5, 0.0));
    }

    #[test]
    fn no_votes_give_no_tally() {
        assert!(tally(&[], Vote { neighbours: 5, sharpness: 10.0 }).is_none());
    }
}
