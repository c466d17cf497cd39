package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static dev.switchboard.gguf.GgufBuilder.u8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufException.Reason;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model of three files opens as one, and no file of it can claim what the others deny. */
class SplitModelTest {
  private static final int TENSORS = 11;

  @TempDir Path directory;

  private final GgufBuilder[] parts = new GgufBuilder[3];

  @BeforeEach
  void split() {
    parts[0] =
        numbered(llama(), 0)
            .removeTensor("blk.0.attn_output.weight")
            .removeTensor("blk.0.ffn_norm.weight")
            .removeTensor("blk.0.ffn_gate.weight")
            .removeTensor("blk.0.ffn_up.weight")
            .removeTensor("blk.0.ffn_down.weight")
            .removeTensor("output_norm.weight");
    parts[1] =
        numbered(new GgufBuilder(), 1)
            .tensor("blk.0.attn_output.weight", 0, 32, 32)
            .tensor("blk.0.ffn_norm.weight", 0, 32)
            .tensor("blk.0.ffn_gate.weight", 0, 32, 64);
    parts[2] =
        numbered(new GgufBuilder(), 2)
            .alignment(64)
            .tensor("blk.0.ffn_up.weight", 0, 32, 64)
            .tensor("blk.0.ffn_down.weight", 0, 64, 32)
            .tensor("output_norm.weight", 0, 32);
  }

  private static GgufBuilder numbered(GgufBuilder builder, int number) {
    return builder
        .put("split.no", u8(number))
        .put("split.count", u32(3))
        .put("split.tensors.count", u32(TENSORS));
  }

  private static String name(int number) {
    return "m-0000%d-of-00003.gguf".formatted(number);
  }

  private Path write() throws IOException {
    for (int i = 0; i < parts.length; i++) {
      byte[] bytes = parts[i].build();
      // The last bytes lie in the data of each part's last tensor: it tells the parts apart.
      Arrays.fill(bytes, bytes.length - 128, bytes.length, (byte) (i + 1));
      Files.write(directory.resolve(name(i + 1)), bytes);
    }
    return directory.resolve(name(1));
  }

  private void assertRefused(Reason reason, String part, String named) throws IOException {
    assertRefused(write(), reason, part, named);
  }

  private static void assertRefused(Path first, Reason reason, String part, String named) {
    GgufException e = assertThrows(GgufException.class, () -> GgufFile.open(first).close());

    assertEquals(reason, e.reason(), e.getMessage());
    assertTrue(e.getMessage().startsWith(reason.word() + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(part), e.getMessage());
    assertTrue(e.getMessage().contains(named), e.getMessage());
  }

  @Test
  void theFirstPartOpensTheWholeModel() throws IOException {
    try (GgufFile file = GgufFile.open(write())) {
      ModelDescription model = ModelDescription.of(file);

      assertEquals(TENSORS, file.tensors().size());
      assertEquals("m", model.id());
      assertEquals(3, lastByte(file, "output_norm.weight"));
      assertEquals(2, lastByte(file, "blk.0.ffn_gate.weight"));
      assertEquals(1, lastByte(file, "blk.0.attn_v.weight"));
    }
  }

  private static int lastByte(GgufFile file, String tensor) {
    var data = Objects.requireNonNull(file.tensor(tensor)).data();
    return data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
  }

  @Test
  void aMissingPartIsNamed() throws IOException {
    Path first = write();
    Files.delete(directory.resolve(name(2)));

    assertRefused(first, Reason.IO, name(2), "not a file");
  }

  @Test
  void anotherPartThanTheFirstIsSentBack() throws IOException {
    write();

    assertRefused(directory.resolve(name(3)), Reason.BAD_PART, name(3), "part 3 of 3");
  }

  @Test
  void aFirstPartByAnotherNameCannotNameTheOthers() throws IOException {
    Path renamed = Files.move(write(), directory.resolve("m-00001-of-00002.gguf"));

    assertRefused(renamed, Reason.BAD_PART, "m-00001-of-00002.gguf", "-00001-of-00003.gguf");
  }

  @Test
  void aPartInTheWrongPlaceIsNamed() throws IOException {
    parts[2] = parts[1];

    assertRefused(Reason.BAD_PART, name(3), "split.no is 1, where it must be 2");
  }

  @Test
  void aPartOfAnotherModelIsNamed() throws IOException {
    parts[1].put("split.count", u32(4));

    assertRefused(Reason.BAD_PART, name(2), "split.count is 4");
  }

  @Test
  void aPartThatIsNoneIsNamed() throws IOException {
    parts[1].remove("split.no");

    assertRefused(Reason.BAD_PART, name(2), "has no split.no");
  }

  @Test
  void partsMustAgreeOnTheNumberOfTensors() throws IOException {
    parts[2].put("split.tensors.count", u32(12));

    assertRefused(Reason.BAD_PART, name(3), "split.tensors.count is 12");
  }

  @Test
  void aTensorThatNoPartHasIsMissed() throws IOException {
    parts[2].removeTensor("output_norm.weight");

    assertRefused(Reason.BAD_PART, name(1), "is 11, but there are 10");
  }

  @Test
  void moreTensorsThanTheFirstPartSaysAreNotRead() throws IOException {
    parts[2].tensor("blk.0.ffn_more.weight", 0, 32);

    assertRefused(Reason.LIMIT, name(3), "tensor count");
  }

  @Test
  void aFirstPartCannotHaveMoreTensorsThanThereAre() throws IOException {
    parts[0].put("split.tensors.count", u32(2));

    assertRefused(Reason.BAD_PART, name(1), "is 2, but there are 5");
  }

  @Test
  void aTensorInTwoPartsIsNamed() throws IOException {
    parts[2].removeTensor("output_norm.weight").tensor("blk.0.ffn_norm.weight", 0, 32);

    assertRefused(Reason.DUPLICATE_TENSOR, name(3), "blk.0.ffn_norm.weight");
  }

  @Test
  void aPartCannotContradictTheModelsMetadata() throws IOException {
    parts[1].put("general.architecture", string("qwen2"));

    assertRefused(Reason.BAD_PART, name(2), "general.architecture");
  }

  @Test
  void aPartMayRepeatTheModelsMetadata() throws IOException {
    parts[1].put("general.architecture", string("llama"));

    try (GgufFile file = GgufFile.open(write())) {
      assertEquals(TENSORS, file.tensors().size());
    }
  }

  @Test
  void aPartCannotBringMetadataOfItsOwn() throws IOException {
    parts[1].put("tokenizer.ggml.token_type", i32s(2, 3, 3, 1, 1, 1, 1, 1));

    assertRefused(Reason.BAD_PART, name(2), "tokenizer.ggml.token_type");
  }

  @Test
  void everyPartIsCheckedAsAFileIs() throws IOException {
    parts[1].dataBytes(512);
    assertRefused(Reason.TENSOR_OUT_OF_FILE, name(2), "attn_output");

    split();
    parts[2].tensorAt(0, "output_norm.weight", 0, 32);
    assertRefused(Reason.OVERLAPPING_TENSORS, name(3), "output_norm");

    split();
    parts[2].magic(7);
    assertRefused(Reason.NOT_GGUF, name(3), "GGUF");
  }

  @Test
  void theNumberOfPartsIsBounded() throws IOException {
    parts[0].put("split.count", u32(1_000_000));
    assertRefused(Reason.BAD_VALUE, "split.count", "1000000");

    split();
    parts[0].remove("split.tensors.count");
    assertRefused(Reason.MISSING_KEY, "split.tensors.count", "");
  }
}
