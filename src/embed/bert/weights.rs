//! Reads a safetensors file one tensor at a time, so that the file and the model are never in memory together.
//!
//! Mapping the file would save the copy too, but a mapped file that changes under the process is undefined behaviour.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
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
    /// A tensor does not fit its place.
    #[error("tensor `{name}` does not fit its {bytes} bytes")]
    Tensor {
        /// Which one.
        name: String,
        /// How many the header gives it.
        bytes: usize,
    },
    /// The tensors are not this model's.
    #[error("the tensors are not those of the model")]
    Model(#[from] candle_core::Error),
}

/// All 32-bit float tensors of a file; the only ones that models here use.
pub(super) fn read(path: &Path) -> Result<HashMap<String, Tensor>, WeightsError> {
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
    let floats = metadata.tensors().into_iter().filter(|(_, info)| info.dtype == Dtype::F32);
    let tensors = floats.map(|(name, info)| {
        let tensor = read_one(&mut file, data_start, &name, info)?;
        Ok((name, tensor))
    });
    tensors.collect()
}

fn read_one(
    file: &mut File,
    data_start: usize,
    name: &str,
    info: &TensorInfo,
) -> Result<Tensor, WeightsError> {
    let (from, to) = info.data_offsets;
    let bytes = to.saturating_sub(from);
    let expected = info.shape.iter().try_fold(size_of::<f32>(), |size, n| size.checked_mul(*n));
    // The lengths are compared before anything is allocated: a lying header must not ask for all memory.
    let remaining = file.metadata()?.len();
    if expected != Some(bytes) || u64::try_from(bytes).map_or(true, |bytes| bytes > remaining) {
        return Err(WeightsError::Tensor { name: name.to_owned(), bytes });
    }
    let place = u64::try_from(data_start.saturating_add(from)).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(place))?;
    let mut raw = vec![0; bytes];
    file.read_exact(&mut raw)?;
    Ok(Tensor::from_raw_buffer(&raw, DType::F32, &info.shape, &Device::Cpu)?)
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
        read(file(header, length, data).path())
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
        assert!(matches!(read(endless.path()), Err(WeightsError::HeaderTooLong(_))));
        let empty = tempfile::NamedTempFile::new().expect("a file");
        assert!(matches!(read(empty.path()), Err(WeightsError::Io(_))));
    }
}
