package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.EmbeddingAnswer;
import dev.switchboard.openai.EmbeddingRequest;
import dev.switchboard.openai.EmbeddingRequest.PlainText;
import dev.switchboard.openai.EmbeddingRequest.Text;
import dev.switchboard.openai.EmbeddingRequest.Tokens;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.openai.RerankAnswer;
import dev.switchboard.openai.RerankAnswer.Result;
import dev.switchboard.openai.RerankRequest;
import dev.switchboard.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Turns the body of a request for embeddings or for an order of documents into token ids, and what
 * the model gives into the answer. Immutable and safe on any thread.
 */
final class VectorPreparation {
  private static final int[] NOTHING = {};

  /** A number as text takes a dozen, which are there up to three times while it is written. */
  private static final long ANSWERED_FLOAT_BYTES = 32;

  /** A character of a document is there, and up to three times more while it is written. */
  private static final long ANSWERED_CHAR_BYTES = 4;

  private final ServedModel model;
  private final RequestParser parser;
  private final RequestPreparation preparation;
  private final long mostBytes;

  /**
   * @param mostBytes of the heap that a request may take
   */
  VectorPreparation(
      ServedModel model, RequestParser parser, RequestPreparation preparation, long mostBytes) {
    this.model = model;
    this.parser = parser;
    this.preparation = preparation;
    this.mostBytes = mostBytes;
  }

  /**
   * @throws ApiException naming the field
   */
  PreparedVectors embeddings(byte[] body) {
    EmbeddingRequest request = parser.parseEmbedding(body);
    preparation.requireModel(request.model());
    ModelTask task = model.facts().task();
    if (task != ModelTask.EMBED) {
      throw task.refusal(request.model());
    }
    int dimensions = dimensions(request.dimensions());
    List<int[]> texts = new ArrayList<>(request.texts().size());
    for (Text text : request.texts()) {
      texts.add(fitting(encode(text), text.path()));
    }
    int tokens = PreparedVectors.tokens(texts);
    long bytes = bytes(texts.size(), tokens) + ANSWERED_FLOAT_BYTES * texts.size() * dimensions;
    return new PreparedVectors(
        "input",
        texts,
        request.priority(),
        fitting(bytes, "input"),
        (vectors, switchboard) ->
            new EmbeddingAnswer(model.id(), units(vectors, dimensions), request.encoding(), tokens)
                .toJson(switchboard));
  }

  private static List<float[]> units(List<float[]> vectors, int dimensions) {
    return vectors.stream().map(vector -> Vector.unit(vector, dimensions)).toList();
  }

  private int dimensions(@Nullable Integer wanted) {
    int own = model.facts().dimensions();
    if (wanted == null) {
      return own;
    }
    if (wanted > own) {
      throw invalid("dimensions", "must be at most " + own + " with this model");
    }
    return wanted;
  }

  private int[] encode(Text text) {
    return switch (text) {
      case PlainText plain -> delimited(model.tokenizer().encode(plain.text()), null);
      case Tokens tokens -> {
        preparation.requireInVocabulary(tokens.ids(), tokens.path());
        yield tokens.ids();
      }
    };
  }

  /**
   * @throws ApiException naming the field
   */
  PreparedVectors rerank(byte[] body) {
    RerankRequest request = parser.parseRerank(body);
    preparation.requireModel(request.model());
    return switch (model.facts().task()) {
      case GENERATE -> throw ModelTask.GENERATE.refusal(request.model());
      case RANK -> pairs(request);
      case EMBED -> compared(request);
    };
  }

  /** The classifier reads the query and a document together. */
  private PreparedVectors pairs(RerankRequest request) {
    int[] query = model.tokenizer().encode(request.query());
    // It is there once for each document.
    int documents = request.documents().size();
    long _ = fitting(bytes(documents, (long) documents * query.length), "documents");
    List<int[]> texts = documents(request, document -> delimited(query, document));
    return prepared(request, texts, vectors -> vectors.stream().map(Vector::probability));
  }

  /** The angle between the query's vector and a document's. */
  private PreparedVectors compared(RerankRequest request) {
    List<int[]> texts = new ArrayList<>();
    texts.add(fitting(delimited(model.tokenizer().encode(request.query()), null), "query"));
    texts.addAll(documents(request, document -> delimited(document, null)));
    return prepared(
        request,
        texts,
        vectors ->
            IntStream.range(1, texts.size())
                .mapToObj(i -> Vector.cosine(vectors.getFirst(), vectors.get(i))));
  }

  private interface Delimiter {
    int[] around(int[] document);
  }

  private interface Scores {
    Stream<Float> of(List<float[]> vectors);
  }

  private List<int[]> documents(RerankRequest request, Delimiter delimiter) {
    List<int[]> texts = new ArrayList<>(request.documents().size());
    for (int i = 0; i < request.documents().size(); i++) {
      int[] document = model.tokenizer().encode(request.documents().get(i));
      texts.add(fitting(delimiter.around(document), "documents[" + i + "]"));
    }
    return texts;
  }

  /** Of the request only what is answered is kept until then. */
  private PreparedVectors prepared(RerankRequest request, List<int[]> texts, Scores scores) {
    int tokens = PreparedVectors.tokens(texts);
    int topN = request.topN();
    List<String> returned = request.returnDocuments() ? request.documents() : List.of();
    long chars = returned.stream().mapToLong(String::length).sum();
    long bytes = bytes(texts.size(), tokens) + ANSWERED_CHAR_BYTES * chars;
    return new PreparedVectors(
        "documents",
        texts,
        request.priority(),
        fitting(bytes, "documents"),
        (vectors, switchboard) ->
            new RerankAnswer(model.id(), best(returned, topN, scores.of(vectors).toList()), tokens)
                .toJson(switchboard));
  }

  /** Equal scores keep the request's order. */
  private static List<Result> best(List<String> returned, int topN, List<Float> scores) {
    return IntStream.range(0, scores.size())
        .mapToObj(i -> new Result(i, scores.get(i), returned.isEmpty() ? null : returned.get(i)))
        .sorted(Comparator.comparingDouble((Result result) -> -result.score()))
        .limit(topN)
        .toList();
  }

  /** A text, or two, between the tokens that the model expects around them. */
  private int[] delimited(int[] first, int @Nullable [] second) {
    Tokenizer tokenizer = model.tokenizer();
    int[] begin = tokenizer.addBos() ? new int[] {tokenizer.bos()} : NOTHING;
    int[] end = tokenizer.addEos() ? new int[] {tokenizer.eos()} : NOTHING;
    IntStream text = IntStream.concat(IntStream.of(begin), IntStream.of(first));
    if (second != null) {
      text = IntStream.concat(text, IntStream.of(end));
      text = IntStream.concat(text, IntStream.of(second));
    }
    return IntStream.concat(text, IntStream.of(end)).toArray();
  }

  /** What the tokens of so many texts take, and their vectors. */
  private long bytes(long texts, long tokens) {
    return Integer.BYTES * tokens + Float.BYTES * texts * model.facts().dimensions();
  }

  private long fitting(long bytes, String field) {
    if (bytes > mostBytes) {
      throw invalid(
          field,
          "and its answer take %d bytes of the heap, where %d are for that: send fewer texts"
              .formatted(bytes, mostBytes));
    }
    return bytes;
  }

  private int[] fitting(int[] tokens, String path) {
    int context = model.facts().context();
    if (tokens.length == 0) {
      throw invalid(path, "has no token");
    }
    if (tokens.length > context) {
      String message =
          "This model's context is %d tokens. %s has %d.".formatted(context, path, tokens.length);
      throw new ApiException(ApiError.contextLength(path, message));
    }
    return tokens;
  }

  private static ApiException invalid(String field, String complaint) {
    return new ApiException(ApiError.invalid(field, field + " " + complaint + "."));
  }
}
