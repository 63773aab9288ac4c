//! Arithmetic on many numbers at once, with the best instructions that the processor has.
//!
//! A computation is a [`Kernel`], written once over the lanes of [`isa`] and compiled for each instruction set; [`Simd::run`]
//! picks the one to run. All of them give the same vectors up to the rounding of floats.

mod dots;
mod isa;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use isa::{Block, Floats, Isa, Kernel, LANES, LARGEST_PAIR_SUM, Tile};
use portable::Portable;
pub(crate) use portable::nearest;

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub struct Simd(Set);

#[derive(Debug, Clone, Copy)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(x86::Avx2<true>),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2<false>),
    Portable(Portable),
}

impl Simd {
    /// The fastest one.
    #[must_use]
    pub fn best() -> Self {
        Self::available().first().copied().unwrap_or(Self(Set::Portable(Portable)))
    }

    /// All that this processor has, the fastest first and portable code last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(x86::Avx512::detect().map(Set::Avx512));
            sets.extend(x86::Avx2::<true>::detect().map(Set::AvxVnni));
            sets.extend(x86::Avx2::<false>::detect().map(Set::Avx2));
        }
        sets.push(Set::Portable(Portable));
        sets.into_iter().map(Self).collect()
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Set::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            Set::Portable(_) => "portable",
        }
    }

    /// Runs a kernel.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(isa) => isa.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::AvxVnni(isa) => isa.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(isa) => isa.run(kernel),
            Set::Portable(isa) => kernel.run(isa),
        }
    }
}
