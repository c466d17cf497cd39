package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One tensor of a file, checked to lie inside it, aligned and apart from all others.
 *
 * @param name unique in the file
 * @param type element type
 * @param dims 1 to 4 sizes, each at least 1; the first is the contiguous one
 * @param elements product of dims
 * @param data exactly the tensor's bytes, read-only, valid until the file is closed
 */
public record GgufTensor(
    String name, TensorType type, List<Long> dims, long elements, MemorySegment data) {

  /** Length of a row: the contiguous dimension. */
  public long cols() {
    return dims.getFirst();
  }

  /** Number of rows: all dimensions but the first. */
  public long rows() {
    return elements / cols();
  }
}
