//! The pages: what a request becomes, and what an answer looks like. Every rule of the house is elsewhere, in the
//! domain; here are forms, cookies, status codes and headers.

#![expect(
    clippy::needless_pass_by_value,
    reason = "Rocket hands guards over by value"
)]

mod activity;
mod agent;
mod client;
mod confirm;
mod cookie;
mod csrf;
mod dashboard;
mod delete;
mod device;
mod emails;
mod error;
mod export;
mod forgot;
mod form;
mod guard;
mod headers;
mod health;
mod home;
mod judge;
mod keys;
mod link;
mod login;
mod logout;
mod method;
mod next;
mod notice;
mod password;
mod refusal;
mod register;
mod request;
mod reset;
mod sessions;
mod site;
mod static_files;
mod templates;
mod username;
mod wait;

pub use client::Proxies;
pub use error::Instead;
pub use headers::headers;
pub use judge::Judge;
pub use keys::Keys;
pub use method::MethodAsSent;
pub use request::request_ids;
pub use site::{Site, is_loopback};
pub use static_files::StaticFiles;
pub use templates::{Pages, PagesError};

/// Every page. They need, managed by Rocket: [`Site`], [`Proxies`], the acts `Login`, `Register`, `Logout`, `Resume`,
/// `ChangePassword`, `ChangeUsername`, `OwnSessions`, `OwnEmails`, `ResetPassword`, `Disown`, `Arc<Leave>`, `Export` and `Ready`, [`Judge`], `Arc<dyn Users>`, `Arc<dyn History>`, `Arc<dyn Events>` and `Arc<dyn Clock>`; and [`Pages`] attached.
pub fn routes() -> Vec<rocket::Route> {
    rocket::routes![
        home::get,
        login::get,
        login::post,
        register::get,
        register::post,
        logout::post,
        logout::farewell,
        dashboard::get,
        confirm::get,
        confirm::post,
        username::get,
        username::post,
        password::get,
        password::post,
        activity::get,
        sessions::get,
        sessions::post,
        delete::get,
        delete::post,
        delete::keep,
        emails::get,
        emails::post,
        export::get,
        forgot::get,
        forgot::post,
        reset::get,
        reset::post,
        link::open,
        link::get,
        link::post,
        static_files::get,
        health::live,
        health::ready,
    ]
}

/// What is shown where a page cannot be.
pub fn catchers() -> Vec<rocket::Catcher> {
    rocket::catchers![guard::sign_in_first, confirm::confirm_first, error::any]
}
