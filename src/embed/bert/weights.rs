//! Reads a safetensors file one tensor at a time, so that the file and the model are never in memory together.
//!
//! Mapping the file would save the copy too, but a mapped file that changes under the process is undefined behaviour.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use thiserror::Error;

/// Longest header that is read; the model's own is 12 KB.
const HEADER_BYTES_MAX: u64 = 1024 * 1024;

/// Why a file does not give tensors.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// It cannot be read, or ends too early.
    #[error("the file cannot be read to its end")]
    Io(#[from] io::Error),
    /// The header is longer than any real one.
    #[error("the header claims {0} bytes; at most {HEADER_BYTES_MAX}")]
    HeaderTooLong(u64),
    /// The header is not JSON of the right form.
    #[error("the header is not that of a safetensors file")]
    Header(#[from] serde_json::Error),
    /// A tensor is missing or not what it has to be.
    #[error("there is no whole tensor `{name}` of 32-bit floats and of shape {shape:?}")]
    Tensor {
        /// Which one.
        name: String,
        /// What its shape has to be.
        shape: Vec<usize>,
    },
    /// The architecture has a size that the forward pass is not made for.
    #[error("{what} is {size}; it has to be a multiple of {of}")]
    Size {
        /// Which size.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// What it has to be a multiple of.
        of: usize,
    },
    /// The tensors are not this model's.
    #[error("the tensors are not those of the model")]
    Model(#[from] candle_core::Error),
}

/// An open file of tensors.
#[derive(Debug)]
pub(super) struct Weights {
    file: File,
    data_start: usize,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Weights {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, WeightsError> {
        let mut file = File::open(path)?;
        let mut length = [0; size_of::<u64>()];
        file.read_exact(&mut length)?;
        let header_bytes = u64::from_le_bytes(length);
        if header_bytes > HEADER_BYTES_MAX {
            return Err(WeightsError::HeaderTooLong(header_bytes));
        }
        let mut header = Vec::new();
        (&mut file).take(header_bytes).read_to_end(&mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)?;
        let data_start = size_of::<u64>() + header.len();
        let tensors = metadata.tensors().into_iter();
        let tensors = tensors.map(|(name, info)| (name, info.clone())).collect();
        Ok(Self { file, data_start, tensors })
    }

    /// All 32-bit float tensors; the only ones that models here use.
    pub(super) fn all(&mut self) -> Result<HashMap<String, Tensor>, WeightsError> {
        let floats = self.tensors.iter().filter(|(_, info)| info.dtype == Dtype::F32);
        let shapes: Vec<(String, Vec<usize>)> =
            floats.map(|(name, info)| (name.clone(), info.shape.clone())).collect();
        let read = shapes.into_iter().map(|(name, shape)| {
            let rows = 0..shape.first().copied().unwrap_or(1);
            let tensor = self.read(&name, &shape, rows)?;
            Ok((name, tensor))
        });
        read.collect()
    }

    /// The components of a tensor that must have this shape.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        self.rows(name, shape, 0..shape.first().copied().unwrap_or(1))
    }

    /// The components of some of its rows.
    pub(super) fn rows(
        &mut self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Vec<f32>, WeightsError> {
        Ok(self.read(name, shape, rows)?.flatten_all()?.to_vec1()?)
    }

    fn read(
        &mut self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Tensor, WeightsError> {
        let misfit = || WeightsError::Tensor { name: name.to_owned(), shape: shape.to_vec() };
        let info = self.tensors.get(name).ok_or_else(misfit)?;
        let whole = shape.iter().try_fold(size_of::<f32>(), |size, n| size.checked_mul(*n));
        let (from, to) = info.data_offsets;
        // The lengths are compared before anything is allocated: a lying header must not ask for all memory.
        let in_file = to.checked_add(self.data_start).and_then(|end| u64::try_from(end).ok());
        let fits = info.dtype == Dtype::F32
            && info.shape == shape
            && whole == to.checked_sub(from)
            && in_file.is_some_and(|end| self.file.metadata().is_ok_and(|it| end <= it.len()));
        let row_count = shape.first().copied().unwrap_or(1).max(1);
        let row_bytes =
            whole.filter(|_| fits && rows.end <= row_count).ok_or_else(misfit)? / row_count;
        let start = self.data_start + from + rows.start * row_bytes;
        self.file.seek(SeekFrom::Start(u64::try_from(start).unwrap_or(u64::MAX)))?;
        let mut raw = vec![0; rows.len() * row_bytes];
        self.file.read_exact(&mut raw)?;
        let mut shape = shape.to_vec();
        shape.iter_mut().take(1).for_each(|first| *first = rows.len());
        Ok(Tensor::from_raw_buffer(&raw, DType::F32, &shape, &Device::Cpu)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, length: u64, data: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let content = [&length.to_le_bytes(), header.as_bytes(), data].concat();
        std::fs::write(file.path(), content).expect("written");
        file
    }

    fn check(header: &str, data: &[u8]) -> Result<HashMap<String, Tensor>, WeightsError> {
        let length = u64::try_from(header.len()).expect("short");
        Weights::open(file(header, length, data).path())?.all()
    }

    #[test]
    fn floats_are_read_and_other_types_are_left_out() {
        let header = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "ids":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}"#;
        let data: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensors = check(header, &[data, vec![0; 8]].concat()).expect("tensors");
        assert_eq!(tensors.len(), 1);
        assert_eq!(tensors["w"].to_vec1::<f32>().expect("floats"), [1.5, -2.0]);
    }

    #[test]
    fn damaged_files_are_errors_and_ask_for_no_memory() {
        let good = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        assert!(matches!(
            check(good, &[0; 4]),
            Err(WeightsError::Tensor { .. } | WeightsError::Io(_))
        ));
        assert!(matches!(check("{", &[]), Err(WeightsError::Header(_))));
        let huge =
            r#"{"w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
        assert!(matches!(check(huge, &[0; 8]), Err(WeightsError::Tensor { .. })));
        let lying = r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
        assert!(check(lying, &[0; 8]).is_err());
        let endless = file(good, u64::MAX, &[]);
        assert!(matches!(Weights::open(endless.path()), Err(WeightsError::HeaderTooLong(_))));
        let empty = tempfile::NamedTempFile::new().expect("a file");
        assert!(matches!(Weights::open(empty.path()), Err(WeightsError::Io(_))));
    }
}
