package dev.switchboard.gateway.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands that ask a gateway that runs. The launcher tells them where it listens. */
@Command(
    name = "switchboard",
    description = "Asks the gateway that runs.",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:the gateway refused, or it failed",
      "2:wrong command line",
      "3:no gateway answers"
    })
public final class AdminMain {
  private final PrintStream out;
  private final PrintStream log;
  private final BufferedReader in;
  private final Map<String, String> environment;

  @Option(names = "--admin", hidden = true)
  private String admin = "http://127.0.0.1:9901";

  @Option(names = "--api", hidden = true)
  private String api = "http://127.0.0.1:8080";

  @Option(names = "--certificate", hidden = true)
  private String certificate = "";

  @Option(names = "--colour", hidden = true)
  private boolean colour;

  private AdminMain(
      InputStream in, PrintStream out, PrintStream log, Map<String, String> environment) {
    this.in = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    this.out = out;
    this.log = log;
    this.environment = environment;
  }

  public static void main(String[] arguments) {
    System.exit(run(System.in, System.out, System.err, System.getenv(), arguments));
  }

  /**
   * Runs one command.
   *
   * @return the exit status
   */
  public static int run(
      InputStream in,
      PrintStream out,
      PrintStream log,
      Map<String, String> environment,
      String... arguments) {
    AdminMain main = new AdminMain(in, out, log, environment);
    CommandLine command = new CommandLine(main);
    command.addSubcommand(new KeyCommands());
    command.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    command.setErr(new PrintWriter(log, true, StandardCharsets.UTF_8));
    command.setExecutionExceptionHandler(
        (failure, given, parsed) -> {
          if (failure instanceof CommandFailure told) {
            log.println("switchboard: " + told.getMessage());
            return told.status();
          }
          throw failure;
        });
    return command.execute(arguments);
  }

  private GatewayClient client() {
    return new GatewayClient(admin, api, certificate, environment);
  }

  private void print(JsonNode json) {
    out.println(json);
  }

  @Command(name = "status", description = "Replicas, models, load and addresses.")
  int status(
      @Option(names = "--json", description = "As JSON.") boolean json,
      @Option(names = "--pid", hidden = true, defaultValue = "0") long pid) {
    GatewayClient client = client();
    JsonNode replicas = client.all("replicas?limit=1000", "replicas");
    JsonNode models = client.get("models").path("models");
    if (json) {
      ObjectNode all = GatewayClient.JSON.createObjectNode().put("running", true).put("pid", pid);
      all.put("api", api).put("admin", admin);
      all.set("models", models);
      all.set("replicas", replicas);
      print(all);
    } else {
      out.println("API " + api + "/v1    admin " + admin + "/admin/v1");
      out.println();
      out.print(FleetTables.models(models));
      out.println();
      out.print(FleetTables.replicas(replicas));
    }
    return 0;
  }

  @Command(name = "models", description = "What the gateway serves.")
  int models(@Option(names = "--json", description = "As JSON.") boolean json) {
    JsonNode models = client().get("models");
    if (json) {
      print(models);
    } else {
      out.print(FleetTables.models(models.path("models")));
    }
    return 0;
  }

  @Command(name = "top", description = "The replicas, once a second.")
  int top(
      @Option(names = "--json", description = "One frame, as JSON.") boolean json,
      @Option(names = "--once", description = "One frame.") boolean once) {
    new LiveTable(client(), out, colour && !once && !json, json).run();
    return 0;
  }

  @Command(name = "reload", description = "Makes the gateway read its configuration again.")
  int reload(@Option(names = "--json", description = "As JSON.") boolean json) {
    JsonNode told = client().post("config/reload", null);
    if (json) {
      print(told);
    } else {
      out.print(FleetTables.reload(told));
    }
    return 0;
  }

  @Command(name = "why", description = "Why a request took as long as it did.")
  int why(
      @Option(names = "--json", description = "Numbers alone.") boolean json,
      @Parameters(paramLabel = "ID", description = "As its header X-Request-Id says.") String id) {
    JsonNode told = client().get("requests/" + Words.checked("the id", id) + "/explain");
    if (!json) {
      out.println(told.path("text").asText());
    }
    print(told);
    return 0;
  }

  @Command(name = "drain", description = "Takes no new requests to a replica.")
  int drain(
      @Option(names = "--yes", description = "Asks nothing.") boolean yes,
      @Option(names = "--json", description = "The replica as JSON.") boolean json,
      @Parameters(paramLabel = "REPLICA") String id) {
    String path = "replicas/" + GatewayClient.encoded(id) + "/drain";
    JsonNode plan = client().post(path + "?plan=true", null);
    log.printf(
        "%s has %d requests: %d end there, %d go elsewhere, %d have to be waited for%n",
        id,
        plan.path("requests").asInt(),
        plan.path("finish").asInt(),
        plan.path("migrate").asInt() + plan.path("restart").asInt(),
        plan.path("wait").asInt());
    if (plan.path("last_ready").asBoolean() && !yes && !confirmed(id)) {
      throw new CommandFailure(CommandFailure.FAILED, "not drained; --yes drains it unasked");
    }
    JsonNode drained = client().post(path, null);
    if (json) {
      print(drained);
    } else {
      out.println(id + " is " + drained.path("state").asText());
    }
    return 0;
  }

  @Command(name = "diagnostics", description = "Saves what the gateway knows, without secrets.")
  int diagnostics(@Parameters(paramLabel = "FILE") Path file) {
    client().save("diagnostics", file);
    out.println(file);
    return 0;
  }

  private boolean confirmed(String id) {
    log.print(
        id
            + " is the last ready replica of its model: requests for it are answered 503 then."
            + " Drain it? [y/N] ");
    log.flush();
    String answer = Words.line(in);
    return answer != null && answer.strip().matches("(?i)y|yes");
  }

  @Command(name = "chat", description = "Talks to a model, and says where the time went.")
  int chat(
      @Option(names = "--key", defaultValue = "", description = "API key, or SWITCHBOARD_KEY.")
          String key,
      @Option(names = "--json", description = "Each answer with its explanation.") boolean json,
      @Parameters(arity = "0..1", paramLabel = "MODEL") @Nullable String model) {
    GatewayClient client = client();
    String used = key.isEmpty() ? environment.getOrDefault("SWITCHBOARD_KEY", "") : key;
    new Chat(client, in, out, log, used, json).run(model == null ? Chat.first(client) : model);
    return 0;
  }

  /** API keys. */
  @Command(
      name = "keys",
      description = "API keys of the gateway.",
      synopsisSubcommandLabel = "COMMAND")
  static final class KeyCommands {
    @CommandLine.ParentCommand private @Nullable AdminMain main;

    private AdminMain main() {
      return java.util.Objects.requireNonNull(main);
    }

    @Command(name = "create", description = "Makes a key, which is shown this once.")
    int create(
        @Option(names = "--name", required = true) String name,
        @Option(names = "--tenant") @Nullable String tenant,
        @Option(names = "--role") @Nullable String role,
        @Option(names = "--expires-in", paramLabel = "SECONDS") @Nullable Long seconds,
        @Option(names = "--json", description = "As JSON.") boolean json) {
      ObjectNode wanted = GatewayClient.JSON.createObjectNode();
      wanted.put("name", Words.checked("--name", name));
      if (tenant != null) {
        wanted.put("tenant", Words.checked("--tenant", tenant));
      }
      if (role != null) {
        wanted.put("role", role);
      }
      if (seconds != null) {
        wanted.put("expires_in_seconds", seconds);
      }
      JsonNode key = main().client().post("keys", wanted);
      if (json) {
        main().print(key);
        return 0;
      }
      main().out.println(key.path("key").asText());
      main()
          .log
          .printf(
              "  %s, tenant %s, role %s; it is shown this once%n",
              key.path("id").asText(), key.path("tenant").asText(), key.path("role").asText());
      return 0;
    }

    @Command(name = "list", description = "All keys, without what opens anything.")
    int list(@Option(names = "--json", description = "As JSON.") boolean json) {
      JsonNode keys = main().client().all("keys?limit=1000", "keys");
      if (json) {
        main().print(GatewayClient.JSON.createObjectNode().set("keys", keys));
      } else {
        main().out.print(FleetTables.keys(keys));
      }
      return 0;
    }

    @Command(name = "revoke", description = "Ends a key.")
    int revoke(
        @Parameters(paramLabel = "ID") String id,
        @Option(names = "--json", description = "As JSON.") boolean json) {
      JsonNode told = main().client().delete("keys/" + Words.checked("the id", id));
      if (json) {
        main().print(told);
      } else {
        main().out.println(id + " is revoked");
      }
      return 0;
    }
  }
}
