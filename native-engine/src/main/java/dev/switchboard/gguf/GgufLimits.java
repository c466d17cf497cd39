package dev.switchboard.gguf;

/**
 * Bounds on what a file may claim. They are checked before memory is taken; no allocation is larger
 * than a small multiple of the bytes the file really has.
 *
 * @param metadataEntries key-value pairs
 * @param tensors tensors
 * @param keyBytes length of a key
 * @param tensorNameBytes length of a tensor's name
 * @param stringBytes length of any other string
 * @param arrayElements elements of one array
 * @param arrayDepth arrays inside arrays; 1 is a flat array
 * @param metadataBytes everything before the tensor data
 */
public record GgufLimits(
    int metadataEntries,
    int tensors,
    int keyBytes,
    int tensorNameBytes,
    int stringBytes,
    int arrayElements,
    int arrayDepth,
    int metadataBytes) {

  /** Several times what the largest published models need. */
  public static final GgufLimits DEFAULT =
      new GgufLimits(1 << 16, 1 << 16, 1 << 10, 1 << 8, 1 << 20, 1 << 22, 4, 1 << 26);

  /** The same with fewer tensors. */
  GgufLimits withTensors(int most) {
    return new GgufLimits(
        metadataEntries,
        most,
        keyBytes,
        tensorNameBytes,
        stringBytes,
        arrayElements,
        arrayDepth,
        metadataBytes);
  }
}
