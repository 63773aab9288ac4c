//! The sixteen lanes on x86-64, and the only unsafe code of the program.
//!
//! Why it is sound. Unsafe is needed for two things.
//!
//! 1. *Instructions that a processor may lack.* A value of [`Avx512`] or [`Avx2`] is made only by its `detect`, after the
//!    processor was asked for every feature that the methods use; their fields are private to this file. Whoever can call a
//!    method therefore runs on a processor that has its instructions. The same holds for `run`, which enters a function
//!    compiled for those features.
//! 2. *Loads and stores through pointers.* Every pointer comes from a reference to an array of exactly the register's size,
//!    taken in the same expression. Nothing aligned is assumed but of [`Block`], whose type is aligned to its size.
//!
//! No pointer is kept, no length is computed, nothing is transmuted: all arithmetic and every index lies in safe code that is
//! generic over [`Isa`].

#![expect(unsafe_code, reason = "the processor's vector instructions; the argument stands above")]

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_add_epi32,
    _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm_storeu_si128, _mm256_abs_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castsi256_ps, _mm256_castsi256_si128,
    _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_dpbusd_avx_epi32, _mm256_extracti128_si256,
    _mm256_fmadd_ps, _mm256_load_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256,
    _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_round_ps,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps, _mm512_abs_epi8,
    _mm512_add_ps, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_si512,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_sub_epi8, _mm512_max_ps, _mm512_min_ps,
    _mm512_movepi8_mask, _mm512_mul_ps, _mm512_or_si512, _mm512_reduce_add_epi32,
    _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_store_si512, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use super::isa::{Block, Floats, Isa, Kernel, LANES, Tile};

/// AVX-512 with its dot products of bytes (VNNI): one register for sixteen lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

/// AVX2 with fused multiplication: two registers for sixteen lanes. With `VNNI`, the dot products of bytes too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        has_all.then_some(Self(()))
    }

    /// Runs a kernel compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn compiled<K: Kernel>(isa: Avx512, kernel: K) -> K::Output {
            kernel.run(isa)
        }
        unsafe { compiled(self, kernel) }
    }
}

impl Avx2<false> {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs a kernel compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(isa: Avx2<false>, kernel: K) -> K::Output {
            kernel.run(isa)
        }
        unsafe { compiled(self, kernel) }
    }
}

impl Avx2<true> {
    pub(super) fn detect() -> Option<Self> {
        let has_vnni = is_x86_feature_detected!("avxvnni");
        Avx2::<false>::detect().filter(|_| has_vnni).map(|_| Self(()))
    }

    /// Runs a kernel compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,avxvnni")]
        fn compiled<K: Kernel>(isa: Avx2<true>, kernel: K) -> K::Output {
            kernel.run(isa)
        }
        unsafe { compiled(self, kernel) }
    }
}

impl Avx512 {
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the proof that the instructions are there")]
    fn dot4(self, sum: __m512i, left: [u8; 4], right: &Block) -> __m512i {
        unsafe {
            let left = _mm512_set1_epi32(i32::from_le_bytes(left));
            _mm512_dpbusd_epi32(sum, left, _mm512_load_si512(right.0.as_ptr().cast()))
        }
    }
}

impl Isa for Avx512 {
    type F = __m512;
    type I = __m512i;
    const TILE: Tile = Tile::EightByThree;

    #[inline(always)]
    fn load(self, from: &Floats) -> __m512 {
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, value: __m512, to: &mut Floats) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn scale_by_power(self, a: __m512, n: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(a, n) }
    }
    #[inline(always)]
    fn zero(self) -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    fn load_int(self, from: &[i32; LANES]) -> __m512i {
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_int(self, value: __m512i, to: &mut [i32; LANES]) {
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
    }
    #[inline(always)]
    fn sum_int(self, a: __m512i) -> i32 {
        unsafe { _mm512_reduce_add_epi32(a) }
    }
    #[inline(always)]
    fn to_float(self, a: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn to_int(self, a: __m512) -> __m512i {
        unsafe { _mm512_cvtps_epi32(a) }
    }
    #[inline(always)]
    fn to_bytes(self, a: __m512) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        unsafe {
            let narrow = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(a));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), narrow);
        }
        bytes
    }
    #[inline(always)]
    fn interleave(self, rows: [__m512i; 4]) -> Block {
        let mut block = Block::ZERO;
        unsafe {
            let low = _mm512_set1_epi32(0xff);
            let first = _mm512_and_si512(rows[0], low);
            let second = _mm512_slli_epi32::<8>(_mm512_and_si512(rows[1], low));
            let third = _mm512_slli_epi32::<16>(_mm512_and_si512(rows[2], low));
            let fourth = _mm512_slli_epi32::<24>(rows[3]);
            let halves = (_mm512_or_si512(first, second), _mm512_or_si512(third, fourth));
            _mm512_store_si512(block.0.as_mut_ptr().cast(), _mm512_or_si512(halves.0, halves.1));
        }
        block
    }
    #[inline(always)]
    fn dot8(self, sum: __m512i, left: &[[u8; 4]; 2], right: &[Block; 2]) -> __m512i {
        self.dot4(self.dot4(sum, left[0], &right[0]), left[1], &right[1])
    }
    #[inline(always)]
    fn dot_signed(self, sum: __m512i, a: &[i8; Block::BYTES], b: &[i8; Block::BYTES]) -> __m512i {
        unsafe {
            // The left side of the instruction is unsigned: signs move to the right side.
            let (a, b) =
                (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()));
            let zero = _mm512_setzero_si512();
            let signed = _mm512_mask_sub_epi8(b, _mm512_movepi8_mask(a), zero, b);
            _mm512_dpbusd_epi32(sum, _mm512_abs_epi8(a), signed)
        }
    }
}

/// Applies an instruction to both registers of its operands.
macro_rules! both {
    ($instruction:path, $a:expr) => {
        match $a {
            [a, b] => unsafe { [$instruction(a), $instruction(b)] },
        }
    };
    ($instruction:path, $a:expr, $b:expr) => {
        match ($a, $b) {
            ([a, b], [c, d]) => unsafe { [$instruction(a, c), $instruction(b, d)] },
        }
    };
    ($instruction:path, $a:expr, $b:expr, $c:expr) => {
        match ($a, $b, $c) {
            ([a, b], [c, d], [e, f]) => unsafe { [$instruction(a, c, e), $instruction(b, d, f)] },
        }
    };
}

impl<const VNNI: bool> Avx2<VNNI> {
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the proof that the instructions are there")]
    fn blocks(self, right: &Block) -> [__m256i; 2] {
        let halves: &[[i8; 32]] = right.0.as_chunks().0;
        unsafe {
            [
                _mm256_load_si256(halves[0].as_ptr().cast()),
                _mm256_load_si256(halves[1].as_ptr().cast()),
            ]
        }
    }
}

impl<const VNNI: bool> Isa for Avx2<VNNI> {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    const TILE: Tile = if VNNI { Tile::SixByOne } else { Tile::FourByOne };

    #[inline(always)]
    fn load(self, from: &Floats) -> Self::F {
        let halves: &[[f32; 8]] = from.as_chunks().0;
        unsafe { [_mm256_loadu_ps(halves[0].as_ptr()), _mm256_loadu_ps(halves[1].as_ptr())] }
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut Floats) {
        let halves: &mut [[f32; 8]] = to.as_chunks_mut().0;
        unsafe {
            _mm256_storeu_ps(halves[0].as_mut_ptr(), value[0]);
            _mm256_storeu_ps(halves[1].as_mut_ptr(), value[1]);
        }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        both!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>, a)
    }
    #[inline(always)]
    fn scale_by_power(self, a: Self::F, n: Self::F) -> Self::F {
        let bias = unsafe { [_mm256_set1_epi32(127); 2] };
        let biased = both!(_mm256_add_epi32, self.to_int(n), bias);
        let exponent = both!(_mm256_slli_epi32::<23>, biased);
        self.mul(a, both!(_mm256_castsi256_ps, exponent))
    }
    #[inline(always)]
    fn zero(self) -> Self::I {
        unsafe { [_mm256_setzero_si256(); 2] }
    }
    #[inline(always)]
    fn load_int(self, from: &[i32; LANES]) -> Self::I {
        let halves: &[[i32; 8]] = from.as_chunks().0;
        unsafe {
            [
                _mm256_loadu_si256(halves[0].as_ptr().cast()),
                _mm256_loadu_si256(halves[1].as_ptr().cast()),
            ]
        }
    }
    #[inline(always)]
    fn store_int(self, value: Self::I, to: &mut [i32; LANES]) {
        let halves: &mut [[i32; 8]] = to.as_chunks_mut().0;
        unsafe {
            _mm256_storeu_si256(halves[0].as_mut_ptr().cast(), value[0]);
            _mm256_storeu_si256(halves[1].as_mut_ptr().cast(), value[1]);
        }
    }
    #[inline(always)]
    fn sum_int(self, a: Self::I) -> i32 {
        unsafe {
            let eight = _mm256_add_epi32(a[0], a[1]);
            let halves = (_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
            let four = _mm_add_epi32(halves.0, halves.1);
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b_01_00_11_10>(four));
            let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b_10_11_00_01>(two));
            _mm_cvtsi128_si32(one)
        }
    }
    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        both!(_mm256_cvtepi32_ps, a)
    }
    #[inline(always)]
    fn to_int(self, a: Self::F) -> Self::I {
        both!(_mm256_cvtps_epi32, a)
    }
    #[inline(always)]
    fn to_bytes(self, a: Self::F) -> [u8; LANES] {
        let ints = self.to_int(a);
        let mut bytes = [0; LANES];
        unsafe {
            // Packing works within halves of a register, so the quarters are put in order twice.
            let words = _mm256_packs_epi32(ints[0], ints[1]);
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let narrow = _mm256_packus_epi16(words, words);
            let narrow = _mm256_permute4x64_epi64::<0b00_00_10_00>(narrow);
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm256_castsi256_si128(narrow));
        }
        bytes
    }
    #[inline(always)]
    fn interleave(self, rows: [Self::I; 4]) -> Block {
        let mut block = Block::ZERO;
        let halves: &mut [[i8; 32]] = block.0.as_chunks_mut().0;
        for (half, bytes) in halves.iter_mut().enumerate() {
            unsafe {
                let low = _mm256_set1_epi32(0xff);
                let first = _mm256_and_si256(rows[0][half], low);
                let second = _mm256_slli_epi32::<8>(_mm256_and_si256(rows[1][half], low));
                let third = _mm256_slli_epi32::<16>(_mm256_and_si256(rows[2][half], low));
                let fourth = _mm256_slli_epi32::<24>(rows[3][half]);
                let joined = (_mm256_or_si256(first, second), _mm256_or_si256(third, fourth));
                let joined = _mm256_or_si256(joined.0, joined.1);
                _mm256_storeu_si256(bytes.as_mut_ptr().cast(), joined);
            }
        }
        block
    }
    #[inline(always)]
    fn dot8(self, sum: Self::I, left: &[[u8; 4]; 2], right: &[Block; 2]) -> Self::I {
        let early = unsafe { [_mm256_set1_epi32(i32::from_le_bytes(left[0])); 2] };
        let late = unsafe { [_mm256_set1_epi32(i32::from_le_bytes(left[1])); 2] };
        if VNNI {
            let sum = both!(_mm256_dpbusd_avx_epi32, sum, early, self.blocks(&right[0]));
            return both!(_mm256_dpbusd_avx_epi32, sum, late, self.blocks(&right[1]));
        }
        // Products of both blocks are added in 16 bits, which saves a widening; weights are bounded so that they fit.
        let ones = unsafe { [_mm256_set1_epi16(1); 2] };
        let first = both!(_mm256_maddubs_epi16, early, self.blocks(&right[0]));
        let second = both!(_mm256_maddubs_epi16, late, self.blocks(&right[1]));
        let pairs = both!(_mm256_add_epi16, first, second);
        let quads = both!(_mm256_madd_epi16, pairs, ones);
        both!(_mm256_add_epi32, sum, quads)
    }
    #[inline(always)]
    fn dot_signed(self, sum: Self::I, a: &[i8; Block::BYTES], b: &[i8; Block::BYTES]) -> Self::I {
        let (a, b): (&[[i8; 32]], &[[i8; 32]]) = (a.as_chunks().0, b.as_chunks().0);
        let load = |half: &[i8; 32]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        let (a, b) = ([load(&a[0]), load(&a[1])], [load(&b[0]), load(&b[1])]);
        // The left side of the instruction is unsigned: signs move to the right side.
        let (magnitude, signed) = (both!(_mm256_abs_epi8, a), both!(_mm256_sign_epi8, b, a));
        if VNNI {
            return both!(_mm256_dpbusd_avx_epi32, sum, magnitude, signed);
        }
        let ones = unsafe { [_mm256_set1_epi16(1); 2] };
        let pairs = both!(_mm256_maddubs_epi16, magnitude, signed);
        let quads = both!(_mm256_madd_epi16, pairs, ones);
        both!(_mm256_add_epi32, sum, quads)
    }
}
