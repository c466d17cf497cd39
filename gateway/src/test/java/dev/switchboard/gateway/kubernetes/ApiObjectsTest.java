package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiObjectsTest {
  private static ApiObjects.Event<ApiObjects.PodMeta> event(String line) throws IOException {
    return ApiObjects.event(
        line.replace('\'', '"').getBytes(StandardCharsets.UTF_8), ApiObjects.PodMeta.class);
  }

  @Test
  void theTypeMayComeAfterTheObject() throws Exception {
    ApiObjects.Event<ApiObjects.PodMeta> event =
        event("{'object':{'metadata':{'name':'p','resourceVersion':'7'}},'type':'ADDED'}");

    ApiObjects.Put<?> put = assertInstanceOf(ApiObjects.Put.class, event);
    ApiObjects.PodMeta pod = assertInstanceOf(ApiObjects.PodMeta.class, put.object());
    assertEquals(new ApiObjects.Meta("p", null, null, "7", null, null), pod.metadata());
  }

  @Test
  void anErrorCarriesItsStatus() throws Exception {
    ApiObjects.Failed<?> failed =
        assertInstanceOf(
            ApiObjects.Failed.class,
            event("{'type':'ERROR','object':{'kind':'Status','code':410,'reason':'Expired'}}"));

    assertEquals(410, failed.status().code());
  }

  @Test
  void aBookmarkSaysHowFarItIs() throws Exception {
    assertEquals(
        new ApiObjects.Bookmark<>("12"),
        event("{'type':'BOOKMARK','object':{'metadata':{'resourceVersion':'12'}}}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "7",
        "{}",
        "{'type':'ADDED'}",
        "{'type':'ADDED','object':7}",
        "{'type':'ADDED','object':{'metadata':{}}}",
        "{'type':'ADDED','object':{'metadata':{'name':'p'",
        "{'type':'OTHER','object':{'metadata':{'name':'p'}}}",
        "{'type':'BOOKMARK','object':{'metadata':{}}}",
        "{'object':{'metadata':{'name':'p'}}}"
      })
  void whatIsNoEventIsRefused(String line) {
    assertThrows(IOException.class, () -> event(line));
  }

  @Test
  void linesAreCutWhereverTheirPiecesEnd() {
    List<String> lines = new ArrayList<>();
    LineSplitter cut =
        new LineSplitter(5, line -> lines.add(new String(line, StandardCharsets.UTF_8)));

    assertTrue(cut.add(Buffer.buffer("ab")) && cut.add(Buffer.buffer("c\n\nde\nf")));
    assertTrue(cut.add(Buffer.buffer("\n")));
    assertEquals(List.of("abc", "de", "f"), lines);
    assertEquals(false, cut.add(Buffer.buffer("123456")));
  }
}
