package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An API server of Kubernetes as far as a watcher can tell: collections of objects under one
 * revision that only rises, lists in pages of one revision, watches from a revision with bookmarks,
 * revisions that are gone, merge patches, and every way to be slow, away or wrong that is asked of
 * it. Holds no rule of Kubernetes but those of the watch protocol. Safe on any thread.
 */
public final class FakeKubernetes implements AutoCloseable {
  /**
   * What a request needs, as a rule of a Role grants it.
   *
   * @param group empty for the core's
   * @param verb as the API server names it
   */
  public record Right(String namespace, String group, String resource, String verb)
      implements Comparable<Right> {
    private static final Pattern PATH =
        Pattern.compile("/(?:api|apis/([^/]+))/[^/]+/namespaces/([^/]+)/([^/]+)(/[^/]+)?");

    static Right of(HttpServerRequest request) {
      Matcher path = PATH.matcher(pathOf(request));
      if (!path.matches()) {
        throw new IllegalArgumentException("no resource of a namespace: " + request.uri());
      }
      boolean one = path.group(4) != null;
      String watched = Objects.requireNonNullElse(request.getParam("watch"), "");
      String verb =
          switch (request.method().name()) {
            case "GET" -> one ? "get" : List.of("true", "1").contains(watched) ? "watch" : "list";
            case "POST" -> "create";
            case "PUT" -> "update";
            case "DELETE" -> one ? "delete" : "deletecollection";
            default -> request.method().name().toLowerCase(Locale.ROOT);
          };
      String group = Objects.requireNonNullElse(path.group(1), "");
      return new Right(path.group(2), group, path.group(3), verb);
    }

    @Override
    public int compareTo(Right other) {
      return toString().compareTo(other.toString());
    }
  }

  /** What happened to an object. */
  private record Change(long revision, String collection, String type, ObjectNode object) {}

  private record Open(HttpServerRequest request, String collection, Query query) {
    HttpServerResponse response() {
      return request.response();
    }
  }

  private record Pages(long revision, List<ObjectNode> items) {}

  /** What a list or a watch is narrowed to. */
  private record Query(Map<String, Set<String>> labels, String name) {
    private static final Pattern EQUAL = Pattern.compile("([^=,! ]+)=([^=,! ]*)");
    private static final Pattern ONE_OF = Pattern.compile("([^=,! ]+) in \\(([^()]*)\\)");

    /** Selectors are equalities, or one label with several values. */
    static Query of(HttpServerRequest request) {
      Map<String, Set<String>> labels = new HashMap<>();
      String selector = Objects.requireNonNullElse(request.getParam("labelSelector"), "");
      Matcher oneOf = ONE_OF.matcher(selector);
      if (oneOf.matches()) {
        labels.put(oneOf.group(1), Set.of(oneOf.group(2).split(", *", -1)));
      } else if (!selector.isEmpty()) {
        for (String each : selector.split(",", -1)) {
          Matcher equal = EQUAL.matcher(each);
          if (!equal.matches()) {
            throw new IllegalArgumentException("no selector that is known here: " + selector);
          }
          labels.put(equal.group(1), Set.of(equal.group(2)));
        }
      }
      String field = request.getParam("fieldSelector");
      return new Query(labels, field == null ? "" : field.replaceFirst("metadata.name=", ""));
    }

    boolean matches(ObjectNode object) {
      JsonNode meta = object.path("metadata");
      JsonNode has = meta.path("labels");
      return (name.isEmpty() || name.equals(meta.path("name").asText()))
          && labels.entrySet().stream()
              .allMatch(
                  each ->
                      has.has(each.getKey())
                          && each.getValue().contains(has.path(each.getKey()).asText()));
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Vertx vertx = Vertx.vertx();
  private final HttpServer server;
  private final String url;
  private final Map<String, Map<String, ObjectNode>> collections = new HashMap<>();
  private final Deque<Change> history = new ArrayDeque<>();
  private final List<Open> watches = new ArrayList<>();
  private final Map<String, Pages> pages = new HashMap<>();
  private final List<Change> held = new ArrayList<>();
  private final Queue<Consumer<HttpServerRequest>> next = new ConcurrentLinkedQueue<>();
  private final Map<String, Integer> asked = new HashMap<>();
  private final Set<Right> used = new TreeSet<>();
  private @Nullable Map<String, Pages> frozen;
  private String token = "";
  private long revision = 100;
  private long floor = 100;
  private int tokens;
  private boolean away;
  private boolean silent;
  private boolean goneAsEvent;
  private boolean holding;

  public FakeKubernetes() {
    this(new HttpServerOptions().setHost("127.0.0.1").setPort(0));
  }

  /** Listens as the options say, with their certificate if they have one. */
  FakeKubernetes(HttpServerOptions options) {
    this.url = (options.isSsl() ? "https://" : "http://") + options.getHost();
    this.server =
        vertx
            .createHttpServer(options)
            .requestHandler(this::handle)
            .listen()
            .toCompletionStage()
            .toCompletableFuture()
            .join();
  }

  public URI url() {
    return URI.create(url + ":" + server.actualPort());
  }

  // ------------------------------------------------------------------ objects

  /** Creates or changes an object. */
  public synchronized void put(String collection, ObjectNode object) {
    Map<String, ObjectNode> there =
        collections.computeIfAbsent(collection, path -> new LinkedHashMap<>());
    String name = object.path("metadata").path("name").asText();
    ObjectNode kept = object.deepCopy();
    kept.withObject("/metadata").put("resourceVersion", Long.toString(++revision));
    boolean known = there.put(name, kept) != null;
    happened(new Change(revision, collection, known ? "MODIFIED" : "ADDED", kept));
  }

  /** Deletes an object, if it is there. */
  public synchronized void delete(String collection, String name) {
    Map<String, ObjectNode> there = collections.get(collection);
    ObjectNode gone = there == null ? null : there.remove(name);
    if (gone != null) {
      ObjectNode last = gone.deepCopy();
      last.withObject("/metadata").put("resourceVersion", Long.toString(++revision));
      happened(new Change(revision, collection, "DELETED", last));
    }
  }

  /** An object as it is; null for none. */
  public synchronized @Nullable ObjectNode get(String collection, String name) {
    ObjectNode found = collections.getOrDefault(collection, Map.of()).get(name);
    return found == null ? null : found.deepCopy();
  }

  /** Names and revisions of a collection. */
  public synchronized Map<String, String> revisions(String collection) {
    Map<String, String> all = new HashMap<>();
    collections
        .getOrDefault(collection, Map.of())
        .forEach(
            (name, object) ->
                all.put(name, object.path("metadata").path("resourceVersion").asText()));
    return all;
  }

  private void happened(Change change) {
    history.add(change);
    if (holding) {
      held.add(change);
    } else {
      List.copyOf(watches).forEach(watch -> tell(watch, change));
    }
  }

  private void tell(Open watch, Change change) {
    boolean wanted =
        watch.collection.equals(change.collection) && watch.query.matches(change.object);
    if (wanted && !silent) {
      watch.response().write(line(change.type, change.object));
    }
  }

  private static String line(String type, JsonNode object) {
    return "{\"type\":\"" + type + "\",\"object\":" + object + "}\n";
  }

  // ------------------------------------------------------------------ trouble

  /** Answers the next request otherwise; several are taken one after the other. */
  public void next(Consumer<HttpServerRequest> answer) {
    next.add(answer);
  }

  /** Refuses the next request. */
  public void refuse(int status, String header, String value) {
    next(
        request ->
            request
                .response()
                .setStatusCode(status)
                .putHeader(header, value)
                .end(status(status, "refused for a test").toString()));
  }

  /** Answers that are still to be given otherwise. */
  public int troubles() {
    return next.size();
  }

  /** Wants this token from now on; empty for none. */
  public synchronized void token(String value) {
    token = value;
  }

  /** Closes every connection, and each that is opened, until it is back. */
  public synchronized void away(boolean value) {
    away = value;
    if (value) {
      drop();
    }
  }

  /** Breaks every watch. */
  public synchronized void drop() {
    List<Open> open = List.copyOf(watches);
    watches.clear();
    open.forEach(watch -> watch.request.connection().close());
  }

  /** Sends nothing any more though connections stay, as if the network lost every packet. */
  public synchronized void silent(boolean value) {
    silent = value;
  }

  /** Forgets what was before: who watches from there has to list again. */
  public synchronized void compact(boolean asEvent) {
    floor = revision;
    goneAsEvent = asEvent;
    history.clear();
    pages.clear();
  }

  /** Keeps what happens to itself until {@link #release}. */
  public synchronized void hold() {
    holding = true;
  }

  /** Tells what was kept, in another order. */
  public synchronized void release(Random order) {
    holding = false;
    Collections.shuffle(held, order);
    held.forEach(change -> List.copyOf(watches).forEach(watch -> tell(watch, change)));
    held.clear();
  }

  /** Answers lists as they are now until it is told otherwise. */
  public synchronized void freeze(boolean value) {
    frozen = value ? new HashMap<>() : null;
    if (value) {
      Map<String, Pages> now = new HashMap<>();
      collections.forEach(
          (path, objects) -> now.put(path, new Pages(revision, List.copyOf(objects.values()))));
      frozen = now;
    }
  }

  /** Sends text to every watch. */
  public synchronized void send(String text) {
    watches.forEach(watch -> watch.response().write(text));
  }

  /** Tells every watch how far it is. */
  public synchronized void bookmark() {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.putObject("metadata").put("resourceVersion", Long.toString(revision));
    if (!silent && !holding) {
      send(line("BOOKMARK", object));
    }
  }

  /** Ends every watch in order. */
  public synchronized void end() {
    List<Open> open = List.copyOf(watches);
    watches.clear();
    open.forEach(watch -> watch.response().end());
  }

  /** Watches that are open. */
  public synchronized int watches() {
    return watches.size();
  }

  /**
   * How often it was asked for a kind: {@code list}, {@code watch}, {@code patch} or {@code
   * create}.
   */
  public synchronized int asked(String kind) {
    return asked.getOrDefault(kind, 0);
  }

  /** What the requests so far needed. */
  public synchronized Set<Right> used() {
    return new TreeSet<>(used);
  }

  // ------------------------------------------------------------------ requests

  private synchronized void handle(HttpServerRequest request) {
    if (away) {
      request.connection().close();
      return;
    }
    if (silent) {
      return;
    }
    String kind =
        switch (request.method().name()) {
          case "PATCH" -> "patch";
          case "POST" -> "create";
          default -> request.getParam("watch") == null ? "list" : "watch";
        };
    asked.merge(kind, 1, Integer::sum);
    used.add(Right.of(request));
    Consumer<HttpServerRequest> scripted = next.poll();
    String given = request.getHeader("Authorization");
    if (scripted != null) {
      scripted.accept(request);
    } else if (!token.isEmpty() && !("Bearer " + token).equals(given)) {
      end(request, 401, status(401, "Unauthorized"));
    } else if (kind.equals("patch")) {
      request.body().onSuccess(body -> patch(request, body));
    } else if (kind.equals("create")) {
      request.body().onSuccess(body -> create(request, body));
    } else if (kind.equals("watch")) {
      watch(request);
    } else {
      list(request);
    }
  }

  private static void end(HttpServerRequest request, int status, JsonNode body) {
    request
        .response()
        .setStatusCode(status)
        .putHeader("Content-Type", "application/json")
        .end(body.toString());
  }

  private static ObjectNode status(int code, String message) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("kind", "Status")
        .put("code", code)
        .put("reason", code == 410 ? "Expired" : "Refused")
        .put("message", message);
  }

  /** All pages of a list are of the revision of the first one. */
  private void list(HttpServerRequest request) {
    String from = request.getParam("continue");
    int limit = Integer.parseInt(request.getParam("limit", "0"));
    Pages all;
    int begin = 0;
    if (from == null) {
      Query query = Query.of(request);
      Pages now =
          frozen != null
              ? frozen.getOrDefault(request.path(), new Pages(revision, List.of()))
              : new Pages(
                  revision,
                  List.copyOf(collections.getOrDefault(request.path(), Map.of()).values()));
      all = new Pages(now.revision, now.items.stream().filter(query::matches).toList());
    } else {
      Pages known = pages.get(from.substring(0, from.indexOf(':')));
      if (known == null) {
        end(request, 410, status(410, "The provided continue parameter is too old"));
        return;
      }
      all = known;
      begin = Integer.parseInt(from.substring(from.indexOf(':') + 1));
    }
    int end = limit == 0 ? all.items.size() : Math.min(all.items.size(), begin + limit);
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    ObjectNode meta = body.putObject("metadata").put("resourceVersion", "" + all.revision);
    if (end < all.items.size()) {
      String key = "t" + tokens++;
      pages.put(key, all);
      meta.put("continue", key + ":" + end);
    }
    ArrayNode items = body.putArray("items");
    all.items.subList(begin, end).forEach(items::add);
    end(request, 200, body);
  }

  private void watch(HttpServerRequest request) {
    long from = Long.parseLong(request.getParam("resourceVersion", "0"));
    HttpServerResponse response =
        request.response().setChunked(true).putHeader("Content-Type", "application/json");
    if (from < floor && !goneAsEvent) {
      response.setChunked(false);
      end(request, 410, status(410, "too old resource version"));
      return;
    }
    if (from < floor) {
      response.end(line("ERROR", status(410, "too old resource version")));
      return;
    }
    Open watch = new Open(request, pathOf(request), Query.of(request));
    response.writeHead();
    history.stream().filter(change -> change.revision > from).forEach(each -> tell(watch, each));
    watches.add(watch);
    response.closeHandler(closed -> forget(watch));
    int seconds = Integer.parseInt(request.getParam("timeoutSeconds", "300"));
    vertx.setTimer(
        TimeUnit.SECONDS.toMillis(seconds),
        over -> {
          if (forget(watch)) {
            response.end();
          }
        });
  }

  private synchronized boolean forget(Open watch) {
    return watches.remove(watch);
  }

  private static String pathOf(HttpServerRequest request) {
    return Objects.requireNonNullElse(request.path(), "");
  }

  /** What is there already stays as it is. */
  private synchronized void create(HttpServerRequest request, Buffer body) {
    ObjectNode object = object(body);
    String collection = pathOf(request);
    if (get(collection, object.at("/metadata/name").asText()) != null) {
      end(request, 409, status(409, "it is there already"));
      return;
    }
    put(collection, object);
    end(request, 201, object);
  }

  private static ObjectNode object(Buffer body) {
    try {
      return (ObjectNode) JSON.readTree(body.getBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Annotations only, which is what anybody sets here. */
  private synchronized void patch(HttpServerRequest request, Buffer body) {
    String path = pathOf(request);
    int slash = path.lastIndexOf('/');
    String collection = path.substring(0, slash);
    ObjectNode found = get(collection, path.substring(slash + 1));
    if (found == null) {
      end(request, 404, status(404, "not found"));
      return;
    }
    JsonObject annotations =
        new JsonObject(body).getJsonObject("metadata").getJsonObject("annotations");
    annotations.forEach(
        each ->
            found
                .withObject("/metadata")
                .withObject("/annotations")
                .put(each.getKey(), String.valueOf(each.getValue())));
    put(collection, found);
    end(request, 200, found);
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
