//! How a Java phone changes its load: the list, every image on it in order, then flash.

use super::super::model::LoadId;
use super::super::outcome::Ending;
use super::super::phone::Phone;
use super::steps::Release;
use super::{Flash, Installed, image, manifest, steps};

/// Fetches the list of `load` and all images on it, and restarts with them. The list is judged before any image is asked
/// for: a phone that does not take it asks for it again and again, and for no image (HIP, TICKETT).
///
/// # Errors
/// [`Ending::NotServed`] and [`Ending::Looping`]: the phone starts over.
pub(crate) async fn install(phone: &mut Phone<'_>, load: &str) -> Result<(), Ending> {
    let file = format!("{load}.loads");
    let Some(bytes) = phone.fetch(&file).await? else { return Err(Ending::NotServed { file }) };
    let list = match read(phone, &bytes, load) {
        Ok(list) => list,
        Err(why) => {
            phone.step(false, format!("does not take {file}: {why}"));
            return Err(Ending::Looping { load: load.to_owned(), why });
        }
    };
    for member in &list.members {
        let Some(bytes) = phone.fetch(member).await? else { return Err(Ending::NotServed { file: member.clone() }) };
        if let Err(why) = image::java(&bytes, member) {
            phone.step(false, format!("does not take {member}: {why}"));
            return Err(Ending::Looping { load: load.to_owned(), why: format!("{member}: {why}") });
        }
    }
    let release = Release::of_load(load).or(list.release);
    let id = LoadId::new(load);
    let id = if id.protocol().is_none() { LoadId::term(load, list.sip) } else { id };
    phone.write(load, Flash::Java { app: Some(Installed { load: id, release }) })
}

/// The list, if this phone takes it.
fn read(phone: &Phone<'_>, bytes: &[u8], load: &str) -> Result<manifest::Java, String> {
    let file = format!("{load}.loads");
    let signed = image::signed(bytes)?;
    if !signed.name.eq_ignore_ascii_case(&file) {
        return Err(format!("it is {}", signed.name));
    }
    let list = manifest::java(signed.payload).ok_or_else(|| "it lists nothing".to_owned())?;
    let own = phone.setup.model.images();
    if list.images.as_deref().is_some_and(|images| images != own) {
        return Err(format!("its images are not for a {}", phone.setup.model));
    }
    if let Some(built_with) = phone.setup.hardware
        && list.hardware.unwrap_or_default() < built_with
    {
        let mark = list.hardware.map_or_else(|| "none".to_owned(), |mark| mark.to_string());
        return Err(format!("Load rejected HC: hardware mark {mark}, the phone's is {built_with}"));
    }
    let release = Release::of_load(load).or(list.release);
    let first_three = |release: Release| {
        let Release([major, minor, maintenance, _]) = release;
        [major, minor, maintenance]
    };
    let odd = phone.setup.rejects.iter().any(|bad| {
        let term = LoadId::new(load).version().is_empty();
        let of_release = || {
            let bad = Release::of_load(bad.as_str()).map(first_three);
            bad.is_some() && bad == release.map(first_three)
        };
        bad.as_str().eq_ignore_ascii_case(load) || term && of_release()
    });
    if odd {
        return Err("this unit does not take it".to_owned());
    }
    steps::java(phone.flash.release(), release)?;
    Ok(list)
}
