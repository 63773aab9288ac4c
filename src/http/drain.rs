//! The end of the gateway as callers see it: connections that close behind their last answer, and at the very last answers that
//! are cut off and say so.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::App;
use super::error::{ApiError, surface_of};
use crate::chat::Surface;
use crate::surface;

/// Serves a request unless answers are cut off meanwhile.
pub(super) async fn until_cut(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let surface = surface_of(request.uri().path());
    let keeps_alive = request.version() <= Version::HTTP_11;
    let mut response = tokio::select! {
        // The order matters only when both are ready, and then the answer is there.
        biased;
        response = next.run(request) => response,
        () = app.cut.cancelled() => shutting_down().into_response(),
    };
    if app.is_draining() && keeps_alive {
        // So that the next request goes to another gateway instead of to a closing connection.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if is_stream { response.map(|body| events_until_cut(body, surface, &app)) } else { response }
}

/// Whatever the body has to say, and an error event when it is cut off. No sentinel follows: client libraries take a clean end
/// for a whole answer.
fn events_until_cut(body: Body, surface: Surface, app: &App) -> Body {
    // One wait for the whole stream: a new one for every event would have all streams meet at one lock.
    let cut = Box::pin(app.cut.clone().cancelled_owned());
    let whole = Some((body.into_data_stream(), cut));
    Body::from_stream(stream::unfold(whole, move |rest| async move {
        let (mut events, mut cut_off) = rest?;
        tokio::select! {
            biased;
            // The body of a stream puts its own failures into events.
            event = events.next() => match event {
                Some(Ok(event)) => Some((Ok::<Bytes, Infallible>(event), Some((events, cut_off)))),
                Some(Err(_)) | None => None,
            },
            () = &mut cut_off => Some((Ok(last_event(surface)), None)),
        }
    }))
}

fn last_event(surface: Surface) -> Bytes {
    let message = "the gateway is shutting down; what came before is incomplete";
    surface::cut_off(surface, "server_shutdown", message).into()
}

fn shutting_down() -> ApiError {
    let message = "the gateway is shutting down";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_shutdown", message).retry_after(1)
}
