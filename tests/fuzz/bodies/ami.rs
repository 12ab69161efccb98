//! Asterisk's manager protocol: however a stream is cut the same comes out, and nothing of it upsets who reads contacts.

use jiff::Timestamp;
use offhook::pbx::ami::contacts::{self, PER_ENDPOINT};
use offhook::pbx::ami::proto::{Action, Decoder, Item, Message};

fn read(pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<Item>, bool) {
    let (mut decoder, mut items) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.poll() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(_) => return (items, true),
            }
        }
    }
    (items, false)
}

/// The first byte says how the stream is cut.
pub fn stream(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let whole = read(&mut std::iter::once(stream));
    let cut = read(&mut stream.chunks(usize::from(*cut) + 1));
    assert_eq!(whole, cut, "the cut decides nothing");
    let messages: Vec<Message> = whole
        .0
        .into_iter()
        .filter_map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Banner(_) => None,
        })
        .collect();
    let now = Timestamp::UNIX_EPOCH;
    for message in &messages {
        assert!(message.headers().count() <= 256);
        for contact in [
            contacts::of_detail(message, now),
            contacts::of_contact_list(message, now),
            contacts::of_peer(message, now),
        ]
        .into_iter()
        .flatten()
        {
            assert!(!contact.endpoint.name.is_empty() && contact.uri.chars().count() <= 8_192);
        }
        for (key, value) in message.headers() {
            if let Ok(action) = Action::new("Ping").with(key, value) {
                let bytes = action.emit(7);
                assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 5, "nothing is smuggled into an action");
            }
        }
    }
    if let [response, events @ ..] = messages.as_slice()
        && let contacts::Listed::All(all) = contacts::listed(response, events, |event| contacts::of_detail(event, now))
    {
        for contact in &all {
            assert!(all.iter().filter(|other| other.endpoint == contact.endpoint).count() <= PER_ENDPOINT);
        }
    }
}
