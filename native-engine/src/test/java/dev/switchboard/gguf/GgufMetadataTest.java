package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufBuilder.array;
import static dev.switchboard.gguf.GgufBuilder.bool;
import static dev.switchboard.gguf.GgufBuilder.f32;
import static dev.switchboard.gguf.GgufBuilder.f32s;
import static dev.switchboard.gguf.GgufBuilder.f64;
import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.strings;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static dev.switchboard.gguf.GgufBuilder.u64;
import static dev.switchboard.gguf.GgufBuilder.u8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufException.Reason;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class GgufMetadataTest {
  private static final byte[] BAD_UTF8_STRING = {2, 0, 0, 0, 0, 0, 0, 0, (byte) 0xC3, 0x28};

  private static final GgufMetadata METADATA =
      new GgufBuilder()
          .put("text", string("häß"))
          .put("small", u8(200))
          .put("int", u32(4_000_000_000L))
          .put("huge", u64(-1))
          .put("float", f32(1.5f))
          .put("double", f64(2.5))
          .put("yes", bool(1))
          .put("ints", i32s(-1, 7))
          .put("same", i32s(4, 4, 4))
          .put("longs", array(10, 1, new byte[] {-1, -1, -1, -1, -1, -1, -1, 127}))
          .put("floats", f32s(0.5f, Float.NaN))
          .put("words", strings(List.of("", "a", "漢")))
          .put("broken", array(8, 1, BAD_UTF8_STRING))
          .open()
          .metadata();

  private static void assertReason(Reason reason, String key, Executable read) {
    GgufException e = assertThrows(GgufException.class, read);

    assertEquals(reason, e.reason());
    assertTrue(e.getMessage().contains("'" + key), e.getMessage());
  }

  @Test
  void valuesAreReadAsTheirType() {
    assertEquals("häß", METADATA.string("text"));
    assertEquals(200, METADATA.integer("small", 0, 255));
    assertEquals(1.5f, METADATA.real("float"));
    assertEquals(2.5f, METADATA.real("double"));
    assertTrue(METADATA.bool("yes", false));
    assertArrayEquals(new int[] {-1, 7}, METADATA.integersOrEmpty("ints"));
    assertArrayEquals(new float[] {0.5f, Float.NaN}, METADATA.realsOrEmpty("floats"));
  }

  @Test
  void stringArraysAreReadWhenAskedFor() {
    GgufStrings words = METADATA.strings("words");

    assertEquals(3, words.size());
    assertEquals("", words.get(0));
    assertEquals("漢", words.get(2));
    assertEquals(3, words.byteLength(2));
    assertReason(Reason.BAD_TEXT, "broken", () -> METADATA.strings("broken").get(0));
    assertArrayEquals(new byte[] {(byte) 0xC3, 0x28}, METADATA.strings("broken").bytes(0));
  }

  @Test
  void absentKeysGiveTheFallbackOrAreNamed() {
    assertEquals("x", METADATA.string("absent", "x"));
    assertNull(METADATA.stringOrNull("absent"));
    assertNull(METADATA.stringsOrNull("absent"));
    assertEquals(3, METADATA.integer("absent", 0, 1, 3));
    assertEquals(4f, METADATA.real("absent", 4));
    assertTrue(METADATA.bool("absent", true));
    assertEquals(0, METADATA.integersOrEmpty("absent").length);
    assertReason(Reason.MISSING_KEY, "absent", () -> METADATA.string("absent"));
    assertReason(Reason.MISSING_KEY, "absent", () -> METADATA.integer("absent", 0, 1));
  }

  @Test
  void otherTypesAreRefusedByName() {
    assertReason(Reason.WRONG_VALUE_TYPE, "int", () -> METADATA.string("int"));
    assertReason(Reason.WRONG_VALUE_TYPE, "text", () -> METADATA.integer("text", 0, 1));
    assertReason(Reason.WRONG_VALUE_TYPE, "int", () -> METADATA.real("int"));
    assertReason(Reason.WRONG_VALUE_TYPE, "int", () -> METADATA.bool("int", true));
    assertReason(Reason.WRONG_VALUE_TYPE, "ints", () -> METADATA.strings("ints"));
    assertReason(Reason.WRONG_VALUE_TYPE, "floats", () -> METADATA.integersOrEmpty("floats"));
    assertReason(Reason.WRONG_VALUE_TYPE, "ints", () -> METADATA.realsOrEmpty("ints"));
  }

  @Test
  void numbersOutOfRangeAreRefusedByName() {
    assertReason(Reason.BAD_VALUE, "small", () -> METADATA.integer("small", 0, 199));
    assertReason(Reason.BAD_VALUE, "int", () -> METADATA.integer("int", 0, Integer.MAX_VALUE));
    assertReason(Reason.BAD_VALUE, "huge", () -> METADATA.integer("huge", -1, 1));
    assertReason(Reason.BAD_VALUE, "longs[0]", () -> METADATA.integersOrEmpty("longs"));
  }

  @Test
  void equalNumbersPerLayerAreOneNumber() {
    assertEquals(4, METADATA.uniformInteger("same", 0, 9, 1));
    assertReason(
        Reason.UNSUPPORTED_FEATURE, "ints", () -> METADATA.uniformInteger("ints", 0, 9, 1));
  }
}
