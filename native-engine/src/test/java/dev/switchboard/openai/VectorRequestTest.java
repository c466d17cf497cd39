package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.openai.EmbeddingRequest.Encoding;
import dev.switchboard.openai.EmbeddingRequest.PlainText;
import dev.switchboard.openai.EmbeddingRequest.Tokens;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bodies of embedding and rerank requests and the answers to them. */
class VectorRequestTest {
  private static final RequestParser PARSER = new RequestParser(RequestLimits.DEFAULT);

  private static EmbeddingRequest embedding(String fields) {
    return PARSER.parseEmbedding(Bodies.bytes("{'model':'m'," + fields + "}"));
  }

  private static RerankRequest rerank(String fields) {
    return PARSER.parseRerank(Bodies.bytes("{'model':'m'," + fields + "}"));
  }

  @Test
  void inputIsATextOrTokensOrAListOfEither() {
    assertEquals(
        List.of(new PlainText("input", "hi")), embedding("'input':'hi','user':'u'").texts());
    assertEquals(
        List.of(new PlainText("input[0]", "a"), new PlainText("input[1]", "b")),
        embedding("'input':['a','b']").texts());
    assertArrayEquals(new int[] {1, 2}, ids(embedding("'input':[1,2]"), 0));
    assertArrayEquals(new int[] {3}, ids(embedding("'input':[[1,2],[3]]"), 1));
  }

  private static int[] ids(EmbeddingRequest request, int index) {
    return ((Tokens) request.texts().get(index)).ids();
  }

  @Test
  void whatIsNotSaidIsAllDimensionsAsNumbers() {
    EmbeddingRequest plain = embedding("'input':'a'");
    EmbeddingRequest all =
        embedding("'input':'a','encoding_format':'base64','dimensions':8,'priority':-3,'x':1");

    assertEquals(Encoding.FLOAT, plain.encoding());
    assertNull(plain.dimensions());
    assertEquals(0, plain.priority());
    assertEquals(Encoding.BASE64, all.encoding());
    assertEquals(8, all.dimensions());
    assertEquals(-3, all.priority());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'x':1                          | input | is required",
        "'input':''                     | input | must not be empty",
        "'input':[]                     | input | must not be empty",
        "'input':{}                     | input | a string or an array, but is an object",
        "'input':['a',1]                | input[1] | a string, but is a number",
        "'input':['a','']               | input[1] | must not be empty",
        "'input':[[1],[]]               | input[1] | must not be empty",
        "'input':[[1],'a']              | input[1] | an array of token ids, but is a string",
        "'input':[1,-1]                 | input[1] | from 0",
        "'input':[1,'a']                | input[1] | an integer, but is a string",
        "'input':'a','encoding_format':'int8' | encoding_format | float or base64",
        "'input':'a','dimensions':0     | dimensions | from 1",
        "'input':'a','dimensions':1.5   | dimensions | an integer",
        "'input':'a','priority':101     | priority | from -100 to 100",
        "'input':'a','user':7           | user | a string",
      })
  void aBadEmbeddingRequestNamesItsField(String fields, String param, String message) {
    ApiError error = assertThrows(ApiException.class, () -> embedding(fields)).error();

    assertEquals(param, error.param());
    assertTrue(error.message().contains(message), error.message());
  }

  @Test
  void inputsAreCountedBeforeTheyAreRead() {
    String most = String.join(",", Collections.nCopies(2048, "'a'"));

    assertEquals(2048, embedding("'input':[" + most + "]").texts().size());
    ApiError error =
        assertThrows(ApiException.class, () -> embedding("'input':[" + most + ",'a']")).error();
    assertEquals("input must have at most 2048 elements.", error.message());
  }

  @Test
  void documentsAreTextsOrObjectsWithOne() {
    RerankRequest request =
        rerank("'query':'q','documents':['a',{'text':'b','title':'t'}],'return_documents':true");

    assertEquals(List.of("a", "b"), request.documents());
    assertEquals(2, request.topN());
    assertTrue(request.returnDocuments());
    assertEquals(1, rerank("'query':'q','documents':['a','b'],'top_n':1").topN());
    assertEquals(1, rerank("'query':'q','documents':['a'],'top_n':9").topN());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'documents':['a']                       | query | is required",
        "'query':'','documents':['a']            | query | must not be empty",
        "'query':'q'                             | documents | is required",
        "'query':'q','documents':[]              | documents | must not be empty",
        "'query':'q','documents':'a'             | documents | an array, but is a string",
        "'query':'q','documents':['a',1]         | documents[1] | an object with a text",
        "'query':'q','documents':[{'txt':'a'}]   | documents[0].text | is required",
        "'query':'q','documents':['a'],'top_n':0 | top_n | from 1",
      })
  void aBadRerankRequestNamesItsField(String fields, String param, String message) {
    ApiError error = assertThrows(ApiException.class, () -> rerank(fields)).error();

    assertEquals(param, error.param());
    assertTrue(error.message().contains(message), error.message());
  }

  @Test
  void anEmbeddingAnswerIsOpenAis() {
    List<float[]> vectors = List.of(new float[] {0.5f, -1e-8f}, new float[] {1f, 0f});

    assertEquals(
        "{\"object\":\"list\",\"data\":["
            + "{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5,-1.0E-8]},"
            + "{\"object\":\"embedding\",\"index\":1,\"embedding\":[1.0,0.0]}],"
            + "\"model\":\"m\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}",
        new EmbeddingAnswer("m", vectors, Encoding.FLOAT, 7).toJson(null));
  }

  @Test
  void base64IsTheLittleEndianFloats() {
    float[] vector = {0.5f, -0.25f, 3e-9f};

    String json = new EmbeddingAnswer("m", List.of(vector), Encoding.BASE64, 1).toJson("{}");

    String text = json.replaceAll(".*\"embedding\":\"([^\"]*)\".*", "$1");
    float[] read = new float[3];
    ByteBuffer.wrap(Base64.getDecoder().decode(text))
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(read);
    assertArrayEquals(vector, read);
    assertTrue(json.endsWith(",\"switchboard\":{}}"), json);
  }

  @Test
  void aRerankAnswerHasItsDocumentsWhenAskedFor() {
    List<RerankAnswer.Result> results =
        List.of(new RerankAnswer.Result(1, 0.75f, "b\""), new RerankAnswer.Result(0, -0.5f, null));

    assertEquals(
        "{\"object\":\"list\",\"model\":\"m\",\"results\":["
            + "{\"index\":1,\"relevance_score\":0.75,\"document\":{\"text\":\"b\\\"\"}},"
            + "{\"index\":0,\"relevance_score\":-0.5}],"
            + "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}",
        new RerankAnswer("m", results, 3).toJson(null));
  }
}
