package dev.switchboard.console.ui;

import com.vaadin.browserless.BrowserlessTest;
import com.vaadin.browserless.ViewPackages;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.dom.Element;
import com.vaadin.flow.router.QueryParameters;
import dev.switchboard.console.action.Changes;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.auth.SignIn;
import dev.switchboard.console.auth.Users;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A console without a browser, in front of a fake gateway; a user for each role. */
@ViewPackages(packages = "dev.switchboard.console")
public abstract class ConsoleViewTest extends BrowserlessTest {
  protected static final String PASSWORD = "correct horse";

  @TempDir private static Path folder;
  protected static FakeGateway fake;
  protected static SignIn signIn;
  private static Gateways gateways;

  @BeforeAll
  static void startConsole() throws IOException {
    fake = new FakeGateway();
    Clock clock = Clock.systemUTC();
    signIn = new SignIn(Users.open(folder, clock), clock);
    for (Role role : Role.values()) {
      signIn.users().add(role.word(), role, PASSWORD);
    }
    gateways = Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, clock);
    Services.install(
        new Services(
            gateways, signIn, Changes.checked(), clock, "test", "http://traces/{trace_id}"));
    Await.until(() -> gateway().snapshot().reached() && !gateway().events().isEmpty());
    Await.until(() -> gateway().ring().newestSeconds() > 0);
  }

  @AfterAll
  static void stopConsole() {
    gateways.close();
    fake.close();
  }

  @BeforeEach
  void forgetCalls() {
    fake.forget();
  }

  @Override
  public <T extends Component> T navigate(Class<T> view) {
    return whole(super.navigate(view));
  }

  @Override
  public <T extends Component> T navigate(String location, Class<T> view) {
    return whole(super.navigate(location, view));
  }

  /** With what a browser would have asked for. */
  private static <T extends Component> T whole(T view) {
    if (view instanceof LiveView live) {
      live.allSteps();
    }
    return view;
  }

  protected static LiveGateway gateway() {
    return gateways.all().getFirst();
  }

  protected static Person person(Role role) {
    return signIn.users().find(role.word()).orElseThrow();
  }

  /** Signs in as the user of the role. */
  protected static void as(Role role) {
    Visit.begin(person(role));
  }

  /** As by a link in the page. */
  protected void go(String path) {
    go(path, "");
  }

  /** Goes to a path with a query. */
  protected void go(String path, String query) {
    UI.getCurrent().navigate(path, QueryParameters.fromString(query));
    whole((Component) getCurrentView());
  }

  /** All text of the page. */
  protected String text() {
    Element top = getCurrentView().getElement();
    for (Element up = top.getParent(); up != null; up = up.getParent()) {
      top = up;
    }
    StringBuilder text = new StringBuilder();
    collect(top, text);
    collect(getCurrentView().getElement(), text);
    return text.toString();
  }

  private static void collect(Element element, StringBuilder text) {
    if (element.isTextNode()) {
      text.append(element.getText()).append('\n');
      return;
    }
    element.getChildren().forEach(child -> collect(child, text));
  }
}
