package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the tensor section of a file and checks every tensor against the file and the others. */
final class TensorTable {
  private static final int MAX_DIMS = 4;

  /** Far above any real tensor and far below where a size in bytes could overflow. */
  private static final long MAX_ELEMENTS = 1L << 40;

  private final MemorySegment file;
  private final GgufCursor cursor;
  private final GgufLimits limits;

  TensorTable(MemorySegment file, GgufCursor cursor, GgufLimits limits) {
    this.file = file;
    this.cursor = cursor;
    this.limits = limits;
  }

  /** What the file claims about a tensor; offset counts from the start of the data section. */
  private record Claim(
      String name, TensorType type, List<Long> dims, long elements, long offset, long bytes) {
    long end() {
      return offset + bytes;
    }
  }

  Map<String, GgufTensor> read(int count, int alignment) {
    List<Claim> claims = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < count; i++) {
      Claim claim = readClaim(i);
      if (!names.add(claim.name)) {
        throw new GgufException(
            Reason.DUPLICATE_TENSOR, quote(claim.name) + " is there more than once");
      }
      claims.add(claim);
    }
    if (claims.isEmpty()) {
      return Map.of();
    }
    long dataStart = Math.ceilDiv(cursor.position(), alignment) * (long) alignment;
    long dataBytes = file.byteSize() - dataStart;
    claims.forEach(claim -> checkPlace(claim, alignment, dataBytes));
    checkApart(claims);
    return slices(claims, dataStart);
  }

  private Claim readClaim(int index) {
    String name = cursor.readString("name of tensor " + index, limits.tensorNameBytes());
    if (name.isEmpty()) {
      throw new GgufException(Reason.BAD_TENSOR_NAME, "tensor " + index + " has an empty name");
    }
    String what = "tensor " + quote(name);
    List<Long> dims = readDims(what);
    TensorType type = readType(what);
    long elements = elements(what, dims);
    if (dims.getFirst() % type.blockElements() != 0) {
      throw new GgufException(
          Reason.BAD_SHAPE,
          what
              + " has rows of "
              + dims.getFirst()
              + ", not a multiple of "
              + type
              + "'s block of "
              + type.blockElements());
    }
    long bytes = Math.multiplyExact(elements / type.blockElements(), type.blockBytes());
    return new Claim(name, type, dims, elements, cursor.readLong(what), bytes);
  }

  private List<Long> readDims(String what) {
    int count = cursor.readInt(what);
    if (count < 1 || count > MAX_DIMS) {
      throw new GgufException(
          Reason.BAD_SHAPE,
          what + " has " + Integer.toUnsignedString(count) + " dimensions, not 1 to " + MAX_DIMS);
    }
    List<Long> dims = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      dims.add(cursor.readLong(what));
    }
    return Collections.unmodifiableList(dims);
  }

  private TensorType readType(String what) {
    int id = cursor.readInt(what);
    TensorType type = TensorType.byId(id);
    if (type == null) {
      throw new GgufException(
          Reason.UNKNOWN_TENSOR_TYPE,
          what
              + " has type "
              + TensorType.nameOf(id)
              + ", not one of "
              + TensorType.supported()
              + ": make the file with one of these, such as "
              + TensorType.Q4_K);
    }
    return type;
  }

  private static long elements(String what, List<Long> dims) {
    long elements = 1;
    for (long dim : dims) {
      if (dim < 1 || dim > MAX_ELEMENTS / elements) {
        throw new GgufException(Reason.BAD_SHAPE, what + " has dimensions " + dims);
      }
      elements *= dim;
    }
    return elements;
  }

  private static void checkPlace(Claim claim, int alignment, long dataBytes) {
    String what = "tensor " + quote(claim.name);
    if (claim.offset % alignment != 0) {
      throw new GgufException(
          Reason.MISALIGNED_TENSOR,
          what + " is at " + Long.toUnsignedString(claim.offset) + ", alignment is " + alignment);
    }
    if (claim.offset < 0 || claim.offset > dataBytes || claim.bytes > dataBytes - claim.offset) {
      throw new GgufException(
          Reason.TENSOR_OUT_OF_FILE,
          what
              + " has "
              + claim.bytes
              + " bytes at "
              + Long.toUnsignedString(claim.offset)
              + ", the file has "
              + Math.max(0, dataBytes)
              + " of tensor data");
    }
  }

  private static void checkApart(List<Claim> claims) {
    List<Claim> ordered = new ArrayList<>(claims);
    ordered.sort(Comparator.comparingLong(Claim::offset));
    for (int i = 1; i < ordered.size(); i++) {
      Claim before = ordered.get(i - 1);
      Claim after = ordered.get(i);
      if (after.offset < before.end()) {
        throw new GgufException(
            Reason.OVERLAPPING_TENSORS,
            "tensors " + quote(before.name) + " and " + quote(after.name) + " share bytes");
      }
    }
  }

  private Map<String, GgufTensor> slices(List<Claim> claims, long dataStart) {
    Map<String, GgufTensor> tensors = new LinkedHashMap<>();
    for (Claim c : claims) {
      MemorySegment data = file.asSlice(dataStart + c.offset, c.bytes);
      tensors.put(c.name, new GgufTensor(c.name, c.type, c.dims, c.elements, data));
    }
    return Collections.unmodifiableMap(tensors);
  }
}
