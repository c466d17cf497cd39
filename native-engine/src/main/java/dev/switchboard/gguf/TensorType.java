package dev.switchboard.gguf;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Element types a GGUF tensor may have, with the blocks they are stored in. */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q8_1(9, 32, 36),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, 32, 18),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, 256, 136),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, 32, 17),
  NVFP4(40, 64, 36);

  /** Those that are no type here any more or not yet, by the names that others have for them. */
  private static final Map<Integer, String> FOREIGN =
      Map.of(
          4, "Q4_2",
          5, "Q4_3",
          31, "Q4_0_4_4",
          32, "Q4_0_4_8",
          33, "Q4_0_8_8",
          36, "IQ4_NL_4_4",
          37, "IQ4_NL_4_8",
          38, "IQ4_NL_8_8",
          41, "Q1_0");

  private static final Map<Integer, TensorType> BY_ID = new HashMap<>();

  static {
    for (TensorType type : values()) {
      BY_ID.put(type.id, type);
    }
  }

  private final int id;
  private final int blockElements;
  private final int blockBytes;

  TensorType(int id, int blockElements, int blockBytes) {
    this.id = id;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** Those the engine computes with, as a list for people. */
  static String supported() {
    return Arrays.stream(values())
        .filter(TensorType::isSupported)
        .map(TensorType::name)
        .collect(Collectors.joining(", "));
  }

  static @Nullable TensorType byId(int id) {
    return BY_ID.get(id);
  }

  /** What a number in a file is called, where it is no type that is known here. */
  static String nameOf(int id) {
    String name = FOREIGN.get(id);
    String number = Integer.toUnsignedString(id);
    return name == null ? number : name + " (" + number + ")";
  }

  /** The one that loses as little or less, and that the engine computes with. */
  TensorType nearest() {
    return switch (this) {
      case F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K ->
          this;
      case Q8_1, Q8_K, I8 -> Q8_0;
      case I16, I32, I64, F64 -> F32;
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, TQ1_0, TQ2_0 -> Q2_K;
      case IQ3_XXS, IQ3_S -> Q3_K;
      case IQ4_XS, MXFP4, NVFP4 -> IQ4_NL;
    };
  }

  /** The number in the file, and {@code sb_type} for those the engine computes with. */
  public int id() {
    return id;
  }

  /** Consecutive elements of a row that are stored together; a row is a whole number of blocks. */
  public int blockElements() {
    return blockElements;
  }

  public int blockBytes() {
    return blockBytes;
  }

  /** Whether the engine computes with weights of this type. */
  public boolean isSupported() {
    return switch (this) {
      case F32, F16, BF16 -> true;
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL -> true;
      case Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> true;
      default -> false;
    };
  }
}
